public import Associations

/// One of the senders that share an outbound SA: its place among the cluster's targets in the order of the
/// configuration, from 0. Every member reads the same file, so all mean the same host by it.
public struct HolderID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static func < (a: HolderID, b: HolderID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "holder \(rawValue)" }
}

/// What a sequencer and the holders of its leases tell each other (docs/sequence-leases.md).
public struct LeaseMessage: Sendable, Equatable {
    public var spi: SPI
    /// The holder that sends it or that it is for.
    public var holder: HolderID
    /// Drawn at random by the holder's process at its start, and echoed: what was meant for an earlier process of the
    /// same host is not taken for its successor's.
    public var incarnation: UInt64
    public var body: Body

    public init(spi: SPI, holder: HolderID, incarnation: UInt64, body: Body) {
        self.spi = spi
        self.holder = holder
        self.incarnation = incarnation
        self.body = body
    }

    public enum Body: Sendable, Equatable {
        /// Holder to sequencer: what became of the last lease, and numbers, please.
        case request(Request)
        /// Sequencer to holder: the answer to the request of the same identifier.
        case grant(Grant)
        /// Holder to sequencer: done with this lease; the report is final.
        case release(lease: UInt64, usedEnd: UInt64)
        /// Sequencer to holder: stop using this lease and say how far it got.
        case revoke(lease: UInt64)
        /// Sequencer to holder: no numbers, and why.
        case refusal(request: UInt64, LeaseRefusal)
    }

    public struct Request: Sendable, Equatable {
        /// Grows by one with every new request of a process, from 1; a repeated request keeps its identifier.
        public var identifier: UInt64
        /// Packets that wait for a number; at least 1.
        public var count: UInt32
        /// Nanoseconds of the holder's monotonic clock, read before this copy was sent; echoed in the grant.
        public var askedAt: UInt64
        public var report: LeaseReport?

        public init(identifier: UInt64, count: UInt32, askedAt: UInt64, report: LeaseReport? = nil) {
            self.identifier = identifier
            self.count = count
            self.askedAt = askedAt
            self.report = report
        }
    }

    public struct Grant: Sendable, Equatable {
        public var request: UInt64
        public var lease: UInt64
        public var first: UInt64
        /// The number behind the last one.
        public var end: UInt64
        /// How long it may be used, counted from `askedAt` on the holder's clock.
        public var validityMicroseconds: UInt32
        public var askedAt: UInt64
        /// Granted to the only active sender: to be renewed before it runs out, and to be given back when asked.
        public var isSole: Bool

        public init(
            request: UInt64, lease: UInt64, first: UInt64, end: UInt64, validityMicroseconds: UInt32, askedAt: UInt64,
            isSole: Bool
        ) {
            self.request = request
            self.lease = lease
            self.first = first
            self.end = end
            self.validityMicroseconds = validityMicroseconds
            self.askedAt = askedAt
            self.isSole = isSole
        }
    }
}

/// How far a holder has got in a lease.
public struct LeaseReport: Sendable, Equatable {
    public var lease: UInt64
    /// The holder has used no number of the lease from here on.
    public var usedEnd: UInt64
    /// It never will: the packet path no longer has the lease.
    public var isFinal: Bool

    public init(lease: UInt64, usedEnd: UInt64, isFinal: Bool) {
        self.lease = lease
        self.usedEnd = usedEnd
        self.isFinal = isFinal
    }
}

/// Why a sequencer gives no numbers. The raw value is the one on the wire.
public enum LeaseRefusal: UInt8, Sendable, Equatable, CaseIterable {
    /// All numbers of the SA are used up (RFC 4303 §3.3.3): it needs a new key.
    case exhausted = 1
    /// `Sequencer.Limit.holders` others are active.
    case tooManyHolders = 2
    /// `Sequencer.Limit.leases` leases are outstanding.
    case tooManyLeases = 3
    /// The next numbers could not be reserved durably: a full disk, for instance.
    case notReserved = 4
    /// No sequencer here for this SPI.
    case unknownAssociation = 5
}
