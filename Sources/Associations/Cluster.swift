public import Wire

/// A host that serves connections to the DVIPA, as the router addresses it on the trusted link.
public struct Target: Sendable, Hashable {
    public var name: String
    public var trustedAddress: IPAddress

    public init(name: String, trustedAddress: IPAddress) {
        self.name = name
        self.trustedAddress = trustedAddress
    }
}

/// What is served at a DVIPA: one protocol, some ports where it has ports, by some targets.
public struct Service: Sendable, Hashable {
    public var name: String
    public var dvipa: IPAddress
    /// IANA protocol number.
    public var ipProtocol: UInt8
    /// Empty of a protocol without ports: all of it is the service.
    public var ports: [ClosedRange<UInt16>]
    /// Names of targets, in the order of their turns.
    public var targets: [String]
    public var steering: Steering

    public init(
        name: String, dvipa: IPAddress, ipProtocol: UInt8, ports: [ClosedRange<UInt16>], targets: [String],
        steering: Steering = Steering()
    ) {
        self.name = name
        self.dvipa = dvipa
        self.ipProtocol = ipProtocol
        self.ports = ports
        self.targets = targets
        self.steering = steering
    }
}

/// Grows with every change of a DVIPA's owner; rides in the GRE key, where targets refuse an older one.
public struct Epoch: Sendable, Hashable, Comparable, BitwiseCopyable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static func < (a: Epoch, b: Epoch) -> Bool { a.rawValue < b.rawValue }
}

/// What the control plane tells a packet path, once a batch at most.
public enum Publication: Sendable {
    /// Install an SA, or replace the one with the same SPI and direction.
    case install(SecurityAssociation)
    /// Send what goes out under an SA to another address from now on; nothing where there is no such SA.
    case relocate(Relocation)
    /// For a target: the router does this SA in its place. It replaces an SA of the same SPI and direction.
    case relay(RelayedAssociation)
    /// For a router: SAs of these transforms its relay does for the target, which cannot; in place of what was said
    /// before.
    case lacks(target: String, Set<Transform>)
    /// For a router: its relay does SAs with ESN for the target, which cannot; or it can.
    case lacksESN(target: String, Bool)
    /// Forget the SA and wipe its keys.
    case remove(SPI, Direction)
    /// The link-layer address behind which a target's trusted address is, or nil while there is none.
    case neighbour(target: String, MACAddress?)
    /// Numbers for an outbound SA of this host. They replace what it held.
    case lease(SPI, SequenceLease)
    /// Of an inbound SA with ESN: the peer is past this number, and none below it is to come (docs/esn.md).
    case advance(SPI, UInt64)
    /// How much may be processed under an SA from now on. An SA of which nothing was said has no end.
    case allow(LifecountGrant)
    /// For a router: what it may send to a target.
    case standing(target: String, TargetStanding)
    /// For a router: the epoch it owns the DVIPAs under; for a target: nothing of an older one is taken any more.
    case epoch(Epoch)
    /// For a router: a connection is over, as its target says.
    case closed(ConnectionName, target: String)
    /// For a router: a flow goes on though its client is silent, as its target says.
    case alive(ConnectionName, target: String)
    /// For a router that only reads: what a target has verified, for its windows.
    case verified([VerifiedNumbers])
    /// For a router: send a probe with this number through GRE to a target, which reports the number that came.
    case probe(target: String, UInt64)
}
