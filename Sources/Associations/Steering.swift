/// How a service's new connections are shared among its targets (docs/steering.md).
public struct Steering: Sendable, Hashable {
    public enum Method: String, Sendable, Hashable, CaseIterable, BitwiseCopyable {
        /// One after the other, whatever their weights.
        case roundRobin = "round-robin"
        /// One after the other, by weight.
        case weighted
        /// To whom serves the fewest connections for its weight.
        case activeConnections = "active-connections"
        /// To the first that is there, in the order of the service's targets.
        case hotStandby = "hot-standby"
        /// By the connection's hash: every router chooses the same, without being told.
        case consistentHash = "consistent-hash"
    }

    public var method: Method
    /// Seconds for which a client's new connections go where its last new one went; nil: each is chosen for by itself.
    public var affinitySeconds: UInt32?

    public init(_ method: Method = .weighted, affinitySeconds: UInt32? = nil) {
        self.method = method
        self.affinitySeconds = affinitySeconds
    }

    /// Of `affinitySeconds`: up to a day.
    public static let affinityRange = 1...86_400
}
