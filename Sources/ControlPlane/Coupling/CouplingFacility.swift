/// The cluster's shared, durable store: what is committed survives every process, and is seen by all members in one order
/// (docs/coupling.md). Implementations pass the same tests.
///
/// Keys are UTF-8 paths of 1 to 1024 bytes, values bytes; see `CouplingBounds`, beyond which calls trap.
public protocol CouplingFacility: Sendable {
    /// Which one it is and where, for people: "embedded, /var/lib/viaduct/coupling.sqlite".
    var place: String { get }

    /// All entries whose keys begin with `prefix`, as they were together at one revision, sorted by the bytes of their keys.
    func list(_ prefix: String) async throws(CouplingFailure) -> CouplingListing

    /// If all comparisons hold, all operations are done, at once and durably; otherwise nothing is.
    ///
    /// When it throws `.unreachable` the transaction may have been done nevertheless, even later than now: whoever tries again
    /// compares something that the first try would have changed.
    func commit(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome

    /// What changes after `revision` among the keys with the prefix, in order. What was overwritten before it was told may be
    /// left out. Ends with `.compacted` when the changes are no longer known, or the reader is too slow: list anew, and go
    /// on from there. A facility that cannot be reached is waited for.
    func watch(_ prefix: String, after revision: Int64) -> CouplingWatch

    /// A lease of at least so many seconds; keys that are put with it go when it ends.
    func grantLease(seconds: Int) async throws(CouplingFailure) -> CouplingLease
    /// Counts the lease's time from now again. Throws `.leaseGone` when it has ended.
    func keepAlive(_ lease: CouplingLease) async throws(CouplingFailure)
    /// Ends the lease and deletes its keys. Of one that is gone already it is not an error.
    func revoke(_ lease: CouplingLease) async throws(CouplingFailure)

    /// Lets go of everything; calls afterwards throw `.closed`.
    func close() async
}

public enum CouplingBounds {
    /// Bytes.
    public static let key = 1024
    /// Bytes.
    public static let value = 1 << 20
    /// Operations of one transaction, and comparisons: what etcd takes unless it is told otherwise.
    public static let operations = 128
    /// Bytes of one transaction's keys and values: below what etcd takes unless it is told otherwise.
    public static let transaction = 1_400_000
    /// Seconds.
    public static let lease = 1...3600
    /// Changes that a watch keeps for a slow reader.
    public static let watch = 4096
}

public struct CouplingEntry: Sendable, Hashable {
    public var key: String
    public var value: [UInt8]
    /// Of the transaction that put it last.
    public var modifiedRevision: Int64

    public init(key: String, value: [UInt8], modifiedRevision: Int64) {
        self.key = key
        self.value = value
        self.modifiedRevision = modifiedRevision
    }
}

public struct CouplingListing: Sendable, Equatable {
    public var entries: [CouplingEntry]
    /// A watch from here on misses nothing.
    public var revision: Int64

    public init(entries: [CouplingEntry], revision: Int64) {
        self.entries = entries
        self.revision = revision
    }
}

/// One entry that was put or deleted.
public struct CouplingNotice: Sendable, Hashable {
    public var key: String
    /// nil: deleted.
    public var value: [UInt8]?
    public var revision: Int64

    public init(key: String, value: [UInt8]?, revision: Int64) {
        self.key = key
        self.value = value
        self.revision = revision
    }
}

public struct CouplingLease: Sendable, Hashable {
    public var identifier: Int64
    /// As it was granted, which may be more than was asked for.
    public var seconds: Int

    public init(identifier: Int64, seconds: Int) {
        self.identifier = identifier
        self.seconds = seconds
    }
}

public enum CouplingFailure: Error, Sendable, Hashable {
    /// No answer in time, from nobody who could give one.
    case unreachable(String)
    /// Changes up to this revision are forgotten.
    case compacted(Int64)
    case leaseGone
    /// No room is left; nothing of the transaction was done.
    case full(String)
    case closed
    /// What is stored is not what was written. It is not taken for empty.
    case damaged(String)
    /// Another process holds it.
    case inUse(String)
    /// It answered, and will not: a permission, a limit, a certificate.
    case refusedByServer(String)
}

extension CouplingFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let why): "unreachable: \(why)"
        case .compacted(let revision): "what changed up to revision \(revision) is no longer known"
        case .leaseGone: "the lease has ended"
        case .full(let what): "full: \(what)"
        case .closed: "closed"
        case .damaged(let what): "damaged: \(what)"
        case .inUse(let what): "in use: \(what)"
        case .refusedByServer(let why): "refused by the server: \(why)"
        }
    }
}
