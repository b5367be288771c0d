/// What is wrong with something an operator gave us, and what to do about it.
public struct CredentialFault: Error, Hashable, CustomStringConvertible {
    /// Where it came from: a path, mostly.
    public var source: String
    public var problem: String
    public var remedy: String

    public var description: String { "\(source): \(problem); \(remedy)" }
}
