public import Associations

/// A member's way to ownership, and the owner's writing: who owns the DVIPAs is an epoch in the coupling facility, and
/// every write compares it (docs/coupling.md). A machine without I/O; `now` is nanoseconds of a clock that does not go back.
///
/// ```
///   idle -> leasing -> scouting -> acquiring -> loading -> owning -> fenced
///                      ^     |
///                      '-----' another member owns it, and lives
/// ```
///
/// It has two lines, each with one request under way at most: `main` does all of this, `lease` keeps the lease alive.
/// What fails is tried again, the same transaction in the same order, until it is answered. Each transaction compares the
/// number of the one before and writes its own: one whose answer was lost is found to be done, and one that comes late, when
/// others have followed, does nothing.
public struct CouplingWriter: Sendable {
    public enum Line: Sendable, CaseIterable { case main, lease }

    public enum Request: Sendable, Hashable {
        case grantLease(seconds: Int)
        case commit(CouplingTransaction)
        case list(String)
        case keepAlive(CouplingLease)
    }

    public enum Answer: Sendable {
        case lease(CouplingLease)
        case outcome(CouplingOutcome)
        case listing(CouplingListing)
        case kept
        case failed(CouplingFailure)
    }

    public enum Event: Sendable {
        /// It is ours, with all that is stored.
        case owner(Epoch, CouplingRecords)
        /// Another member owns it; asked again every `patience`.
        case heldBy(String)
        /// The change of this ticket is durable, and those of all tickets before.
        case done(UInt64)
        /// Another owner has come: nothing of ours is written any more. The last event.
        case fenced
        /// Nothing can be written since then (nanoseconds), and why; all waits.
        case unreachable(since: UInt64, CouplingFailure)
        case reachable
        /// Nobody has confirmed for as long as the lease lasts that it is ours: another member may win the epoch now.
        case leaseLost
        case leaseRegained
    }

    /// Changes that may wait.
    public static let queueLimit = 65_536
    static let operationLimit = 100
    /// Bytes of a transaction, about.
    static let byteLimit = 1_000_000
    /// Nanoseconds between two questions whether the owner is gone.
    static let patience: UInt64 = 1_000_000_000
    /// Nanoseconds until what failed is tried again: at first, and at most.
    static let retry: (first: UInt64, most: UInt64) = (50_000_000, 1_000_000_000)

    struct Waiting: Sendable {
        var change: CouplingChange
        var ticket: UInt64
        var since: UInt64
    }

    /// A transaction that is to be answered before the next.
    struct Pending: Sendable {
        var transaction: CouplingTransaction
        var tickets: [UInt64]
        var since: UInt64
        /// Of one that only renews the owner's record, without tickets.
        var lease: CouplingLease?
    }

    enum Phase: Sendable {
        case idle, leasing, scouting
        case acquiring(CouplingTransaction, Epoch)
        case loading(Epoch)
        case owning(Epoch)
        case fenced
    }

    let keys: CouplingKeys
    let member: String
    let leaseSeconds: Int
    var ring: KeyRing
    var random: any IKERandomness & Sendable
    var phase = Phase.idle
    var events: [Event] = []

    // The main line.
    var isAsking = false
    var retryAt: UInt64?
    var wait = retry.first
    var unreachableSince: UInt64?
    var holder: String?

    // The lease.
    var lease: CouplingLease?
    var isKeeping = false
    var keepSentAt: UInt64 = 0
    var keepAt: UInt64 = 0
    var leaseEnds: UInt64 = 0
    var isLeaseLost = false
    /// The owner's record has gone with its lease.
    var isRecordGone = false

    // The owner's writing.
    var step: UInt64 = 0
    var pending: Pending?
    var queue: ArraySlice<Waiting> = []
    var marks: [SequenceKey: UInt64] = [:]
    public internal(set) var transactions: UInt64 = 0

    /// Traps when the member's name is not fit for a key. `leaseSeconds`: how long another member waits for us.
    public init(
        keys: CouplingKeys, member: String, ring: KeyRing, leaseSeconds: Int = 5,
        random: any IKERandomness & Sendable
    ) {
        precondition(CouplingKeys.isFit(member) && CouplingBounds.lease.contains(leaseSeconds))
        self.keys = keys
        self.member = member
        self.ring = ring
        self.leaseSeconds = leaseSeconds
        self.random = random
    }

    /// Begins to acquire the ownership.
    public mutating func start() {
        if case .idle = phase { phase = .leasing }
    }

    /// The new current key wraps from now on.
    public mutating func rotate(to ring: KeyRing) { self.ring = ring }

    /// false: not the owner, `queueLimit` wait already, or the SA has more selectors than a record can have. The caller
    /// refuses then what depended on it.
    public mutating func submit(_ change: CouplingChange, ticket: UInt64, at now: UInt64) -> Bool {
        guard case .owning = phase, queue.count < Self.queueLimit else { return false }
        if case .store(let association) = change, !ShadowEntry.install(association).fits { return false }
        queue.append(Waiting(change: change, ticket: ticket, since: now))
        return true
    }

    public mutating func takeEvents() -> [Event] {
        defer { events = [] }
        return events
    }

    public var epoch: Epoch? {
        if case .owning(let epoch) = phase { epoch } else { nil }
    }

    public var isFenced: Bool {
        if case .fenced = phase { true } else { false }
    }

    /// Changes that are not durable yet.
    public var queued: Int { queue.count + (pending?.tickets.count ?? 0) }
    /// When the oldest of them was submitted.
    public var oldest: UInt64? { pending.flatMap { $0.tickets.isEmpty ? nil : $0.since } ?? queue.first?.since }
    public var isConnected: Bool { unreachableSince == nil }
    public var isLeaseHeld: Bool { lease != nil && !isLeaseLost && !isRecordGone }
    public var heldLease: CouplingLease? { lease }

    /// When `next` is to be asked again though nothing was answered or submitted; nil for never.
    public func deadline(_ line: Line) -> UInt64? {
        switch line {
        case .main: isAsking ? nil : retryAt
        case .lease:
            lease == nil
                ? nil
                : [isKeeping ? nil : keepAt, epoch == nil || isLeaseLost ? nil : leaseEnds].compactMap(\.self).min()
        }
    }

    /// What to ask the facility now; its answer is to be given to `answered`, and until then this is nil.
    public mutating func next(_ line: Line, at now: UInt64) -> Request? {
        switch line {
        case .main: nextOnMain(at: now)
        case .lease: nextOnLease(at: now)
        }
    }

    public mutating func answered(_ line: Line, _ answer: Answer, at now: UInt64) {
        switch line {
        case .main: answeredOnMain(answer, at: now)
        case .lease: answeredOnLease(answer, at: now)
        }
    }
}
