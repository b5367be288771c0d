/// What an operator asks about a target, by its name.
public struct TargetCommand: Sendable, Hashable {
    public var verb: TargetRotation.Command
    public var target: String

    public init(_ verb: TargetRotation.Command, target: String) {
        self.verb = verb
        self.target = target
    }
}
