/// What an operator can ask about a target, by its name.
public enum TargetCommand: Sendable, Hashable {
    /// Its connections stay, no new ones.
    case drain(String)
    /// Nothing goes there; its connections keep their places.
    case quiesce(String)
    /// Ends both.
    case resume(String)

    public var target: String {
        switch self {
        case .drain(let name), .quiesce(let name), .resume(let name): name
        }
    }
}
