/// When a target is taken for lost, and what becomes of its connections.
public struct HealthSettings: Sendable, Hashable {
    public enum WhenLost: Sendable, Hashable {
        /// They go to another target, whose TCP resets them.
        case move
        /// They wait for its return.
        case hold
    }

    /// Of silence until a target is lost; 200 to 60000.
    public var silenceMilliseconds: Int
    /// Between two probes; 50 to half the silence.
    public var probeMilliseconds: Int
    public var whenLost: WhenLost

    /// Without a time between probes it is 200, or a quarter of the silence where that is less.
    public init(silenceMilliseconds: Int = 800, probeMilliseconds: Int? = nil, whenLost: WhenLost = .move) {
        self.silenceMilliseconds = silenceMilliseconds
        self.probeMilliseconds = probeMilliseconds ?? min(200, silenceMilliseconds / 4)
        self.whenLost = whenLost
    }
}
