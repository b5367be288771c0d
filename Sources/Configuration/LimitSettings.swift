/// How much a router remembers of connections and clients (docs/configuration.md): memory that it takes at start.
public struct LimitSettings: Sendable, Hashable {
    /// Connections of all targets.
    public var connections: Int
    /// Of these, such as only began; and those under one SA.
    public var halfOpen: Int
    public var halfOpenPerAssociation: Int
    /// Clients whose affinity is remembered.
    public var affinities: Int

    static let connectionRange = 1024...16_777_216
    static let affinityRange = 1024...16_777_216

    /// What is left out follows from `connections`: a quarter of them, and a thirty-second, but 4,096 where there is room.
    public init(
        connections: Int = 131_072, halfOpen: Int? = nil, halfOpenPerAssociation: Int? = nil, affinities: Int = 65_536
    ) {
        self.connections = connections
        self.halfOpen = halfOpen ?? min(max(connections / 4, 4096), connections)
        self.halfOpenPerAssociation =
            halfOpenPerAssociation ?? min(max(connections / 32, 4096), self.halfOpen)
        self.affinities = affinities
    }
}
