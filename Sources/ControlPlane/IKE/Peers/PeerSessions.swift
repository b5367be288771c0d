public import Associations
internal import Wire

/// All IKE SAs of a node, and what belongs to no single one of them: whose a datagram is, who may begin, how many at once,
/// and the order in which an SA comes into being at router, targets and peer.
///
/// ```
/// datagram --> our SPI? ----yes----> its Session -.
///                 |no                              |--> actions -> effects: send, publish, ...
///              IKE_SA_INIT --> bounds --> cookie --'       |
///                                                       .install: stops here until `settled`,
///                                                       the reply behind it waits in the entry
/// ```
///
/// A machine without I/O, as `Session`. Effects are to be carried out in their order.
public struct PeerSessions: Sendable {
    /// Names a session for as long as the process lives; never used twice.
    public struct ID: Hashable, Sendable, Comparable, CustomStringConvertible {
        public let rawValue: UInt64
        public static func < (a: ID, b: ID) -> Bool { a.rawValue < b.rawValue }
        public var description: String { "#\(rawValue)" }
    }

    public enum Effect: Sendable {
        /// As `Session.Action.send`.
        case send([UInt8], Path)
        /// One byte of 0xFF from port 4500, so that a NAT keeps its mapping (RFC 3948 §4).
        case keepAlive(Path)
        /// For every target and the router itself.
        case publish(ShadowEntry)
        /// For the router itself and one target, which alone sends under it; the others must not have it.
        case publishAlone(ShadowEntry, HolderID)
        /// Call `settled` with this once all that was published is in place.
        case barrier(ID)
        /// Call `judged` with this and the verdict, as `Session.Action.judge` says.
        case judge(ID, PeerCertificate)
        case log(String)
    }

    /// What is counted beside the sessions' own events.
    public enum Event: String, Sendable, Hashable {
        /// Too short for a header, or no request that could begin an IKE SA.
        case noIKE
        /// For an IKE SA that is not here.
        case unknownSPI
        /// No connection of the configuration is for these addresses.
        case noConnection
        case tooManyHalfOpen, tooManyHalfOpenOfAddress, tooManySessions
        case cookieAsked
        /// Arrived while an SA was being installed; the peer repeats it.
        case busy
        /// A peer chose an SPI that another outbound SA has.
        case outboundSPITaken
        case begun, established, closed, failed
        /// A peer sends us to a gateway by its name.
        case unresolvedGateway
        /// ESP showed that a peer's NAT has given it another address or port, and its traffic follows.
        case followed
    }

    struct Entry: Sendable {
        var session: Session
        /// Of a responder's the first that fits; the peer's own from its authentication on.
        var connection: Int
        /// Where the peer was when it began.
        let origin: Path
        /// Where it is.
        var path: Path
        let isInitiator: Bool
        var isHalfOpen = true
        /// The SPI on our side of each IKE SA, the youngest last.
        var claims: [UInt64] = []
        /// What the peer's first message is known by; nil for sessions of ours.
        var initiation: Initiation?
        /// The session that this one is to replace.
        var former: ID?
        /// Behind a barrier.
        var pending: [Session.Action]?
        var children: [ChildSPIs: Child] = [:]
        var peer: IdentificationPayload?
        /// The connection that it stands for: of ours from the beginning on, of a peer's when it is established, and of both
        /// to the end.
        var stands: Int?
        /// Where ESP showed the peer to be while it was behind a barrier.
        var sightedAt: SocketAddress?
        /// Under which it is among `acquaintances`.
        var acquaintance: Acquaintance?
        /// When a closed one is forgotten.
        var forgetAt: UInt64?
        /// That of `deadlines`.
        var dueAt: UInt64?
    }

    struct Initiation: Hashable, Sendable {
        let remote: SocketAddress
        let spi: IKESPI
    }

    /// Who knows whom: by what INITIAL_CONTACT is about (RFC 7296 §2.4).
    struct Acquaintance: Hashable, Sendable {
        let peer, own: IdentificationPayload
    }

    /// A Child SA that is installed.
    public struct Child: Sendable {
        public var pair: ChildSecurityAssociations
        public var isUsed = false
        public var installedAt: UInt64
        /// Targets that had not taken it when the barrier's patience was over.
        public var missing: [HolderID] = []
        /// By the router, and by the targets.
        var received, opened, sent: AssociationUsage
        /// The number behind the highest one that was given out.
        var grantedEnd: UInt64 = 1
        /// The highest number of a packet that showed where the peer is.
        var sightedNumber: UInt64 = 0
        /// What it takes the place of.
        var replacing: ChildSPIs?
        /// The target that sends under it alone; nil when all do.
        public var holder: HolderID?

        init(_ pair: ChildSecurityAssociations, replacing: ChildSPIs? = nil, at now: UInt64) {
            self.pair = pair
            self.replacing = replacing
            installedAt = now
            received = .none(pair.inbound.spi, .inbound)
            opened = received
            sent = .none(pair.outbound.spi, .outbound)
        }
    }

    public let connections: [Connection]
    /// Outbound SPIs of SAs that are not IKE's.
    let foreignSPIs: Set<SPI>
    public internal(set) var gate: CookieGate
    /// IKE SAs of all kinds, half-open and closed ones among them.
    public static let maximumSessions = 200_000
    /// How long the inbound half of a deleted Child SA still takes packets; nanoseconds.
    static let inboundLinger: UInt64 = 2_000_000_000
    /// How long a closed session repeats its last answer; nanoseconds.
    static let linger: UInt64 = 30_000_000_000

    var entries: [ID: Entry] = [:]
    var owners: [UInt64: ID] = [:]
    var initiations: [Initiation: ID] = [:]
    /// By the SPI of their outbound half, which reports name.
    var outboundOwners: [SPI: ID] = [:]
    var inboundOwners: [SPI: ID] = [:]
    /// Established sessions that are not over.
    var acquaintances: [Acquaintance: Set<ID>] = [:]
    /// How many sessions stand for a connection, by its place; none is not there.
    var standing: [Int: Int] = [:]
    var halfOpen: HalfOpenBounds
    var deadlines = DeadlineQueue<ID>()
    var budget = LogBudget()
    var perTarget = PerTargetChildren()
    var nextID: UInt64 = 1
    /// Inbound halves of deleted Child SAs, in the order of their end.
    var retired: ArraySlice<(at: UInt64, spi: SPI)> = []
    /// When a connection of ours is begun (again), by its place.
    var attempts: [Int: Attempt] = [:]
    public internal(set) var counts: [String: UInt64] = [:]

    public init(
        _ connections: [Connection], gate: CookieGate, limits: HalfOpenLimits, foreignSPIs: Set<SPI> = [],
        at now: UInt64
    ) {
        self.foreignSPIs = foreignSPIs
        self.connections = connections
        self.gate = gate
        self.gate.threshold = limits.cookieThreshold
        halfOpen = HalfOpenBounds(limits)
        for place in connections.indices where connections[place].isInitiator {
            attempts[place] = Attempt(dueAt: now)
        }
    }

    /// When `tick` has something to do though nothing comes.
    public var deadline: UInt64? {
        [deadlines.first, retired.first?.at, attempts.values.compactMap(\.dueAt).min(), perTarget.deadline]
            .compactMap { $0 }.min()
    }

    mutating func count(_ event: Event) { counts[event.rawValue, default: 0] += 1 }

    /// Of one session. Words are made only for a line that is written.
    mutating func log(_ id: ID, _ words: @autoclosure () -> String, at now: UInt64) -> [Effect] {
        guard let omitted = budget.admit(at: now) else { return [] }
        return [.log("\(title(id)): \(words())\(Self.omission(omitted))")]
    }

    mutating func log(_ line: @autoclosure () -> String, at now: UInt64) -> [Effect] {
        guard let omitted = budget.admit(at: now) else { return [] }
        return [.log(line() + Self.omission(omitted))]
    }

    private static func omission(_ count: Int) -> String {
        count == 0 ? "" : " (\(count) lines left out before this one)"
    }
}
