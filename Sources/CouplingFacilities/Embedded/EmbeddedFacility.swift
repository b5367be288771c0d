public import ControlPlane
internal import GRDB
internal import Synchronization

/// The coupling facility of a cluster with one router: a SQLite database in a file of the router's own (docs/coupling.md).
/// One process uses it at a time.
///
/// Leases count on the monotonic clock; those that a process leaves behind count from anew when the next one opens the file.
public final class EmbeddedFacility: CouplingFacility {
    public let place: String
    private let path: String
    private let file: Mutex<EmbeddedFile?>
    private let database: DatabaseQueue
    private let hub = WatchHub()
    /// When each lease ends, in nanoseconds. Changed on the database's queue only.
    private let deadlines = Mutex<[Int64: UInt64]>([:])
    private let deletionLimit: Int
    private let clock = MonotonicClock()
    private let sweeper = Mutex<Task<Void, Never>?>(nil)

    /// Opens the file, or makes it, and its directory (mode 0700), when it is missing. Throws `.inUse`, `.damaged`, `.full`,
    /// or `.unreachable` when the system does not let us.
    public convenience init(path: String) throws(CouplingFailure) {
        try self.init(path: path, deletionLimit: EmbeddedStore.deletionLimit)
    }

    init(path: String, deletionLimit: Int) throws(CouplingFailure) {
        self.path = path
        self.deletionLimit = deletionLimit
        place = "embedded, \(path)"
        let opened = try EmbeddedFile(path: path)
        file = Mutex(opened)
        database = opened.database
        do {
            let leases = try database.read { try EmbeddedStore(db: $0).leases() }
            let now = clock.now
            deadlines.withLock { for lease in leases { $0[lease.identifier] = now + lease.nanoseconds } }
        } catch {
            throw CouplingFailure(error, path: path)
        }
        // Keys go with their lease though nobody asks for anything.
        let sweeper = Task { [weak self] in
            while !Task.isCancelled {
                try? await ContinuousClock().sleep(for: .milliseconds(100))
                await self?.sweep()
            }
        }
        self.sweeper.withLock { $0 = sweeper }
    }

    deinit { sweeper.withLock { $0?.cancel() } }

    public func list(_ prefix: String) async throws(CouplingFailure) -> CouplingListing {
        try await inTransaction { store in (try store.list(prefix), []) }
    }

    public func commit(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome {
        transaction.requireBounds()
        return try await inTransaction { store in
            let present = try transaction.comparisons.map { try store.entry($0.key) }
            guard zip(transaction.comparisons, present).allSatisfy({ $0.holds(of: $1) }) else {
                return (.refused(present.compactMap(\.self)), [])
            }
            let (revision, notices) = try store.apply(transaction.operations)
            return (.committed(revision), notices)
        }
    }

    public func watch(_ prefix: String, after revision: Int64) -> CouplingWatch {
        let (watch, feed) = CouplingWatch.made()
        guard isOpen else {
            feed.finish(.closed)
            return watch
        }
        database.asyncWriteWithoutTransaction { [hub, path] db in
            do {
                let store = EmbeddedStore(db: db)
                guard let changes = try store.changes(prefix, after: revision) else {
                    feed.finish(.compacted(try store.forgotten()))
                    return
                }
                guard changes.allSatisfy({ feed.offer($0) }) else { return }
                hub.add(prefix, feed)
            } catch {
                feed.finish(CouplingFailure(error, path: path))
            }
        }
        return watch
    }

    public func grantLease(seconds: Int) async throws(CouplingFailure) -> CouplingLease {
        precondition(CouplingBounds.lease.contains(seconds))
        let lease = CouplingLease(identifier: .random(in: 1...Int64.max), seconds: seconds)
        return try await inTransaction { [self] store in
            try store.insert(lease)
            // A lease that is not written down after all ends without keys.
            deadlines.withLock { $0[lease.identifier] = clock.now + lease.nanoseconds }
            return (lease, [])
        }
    }

    public func keepAlive(_ lease: CouplingLease) async throws(CouplingFailure) {
        try await inTransaction { [self] _ in
            try deadlines.withLock { deadlines in
                guard deadlines[lease.identifier] != nil else { throw CouplingFailure.leaseGone }
                deadlines[lease.identifier] = clock.now + lease.nanoseconds
            }
            return ((), [])
        }
    }

    public func revoke(_ lease: CouplingLease) async throws(CouplingFailure) {
        try await inTransaction { store in ((), try store.end(lease.identifier)) }
        deadlines.withLock { _ = $0.removeValue(forKey: lease.identifier) }
    }

    public func close() async {
        sweeper.withLock { $0?.cancel() }
        guard isOpen else { return }
        // What is under way ends first, watches that are just beginning, too: closing waits in the same queue.
        try? database.close()
        file.withLock { $0 = nil }
        hub.finish(.closed)
    }

    private var isOpen: Bool { file.withLock { $0 != nil } }

    /// On the database's queue, in one transaction: what has run out goes first. What changed is told when it is durable.
    private func inTransaction<Value: Sendable>(
        _ body: @escaping @Sendable (EmbeddedStore) throws -> (Value, [CouplingNotice])
    ) async throws(CouplingFailure) -> Value {
        guard isOpen else { throw .closed }
        // Not the library's own async call, which a cancelled task would give up half way.
        let result: Result<Value, CouplingFailure> = await withCheckedContinuation { continuation in
            database.asyncWriteWithoutTransaction { [self] db in
                continuation.resume(returning: write(db, body))
            }
        }
        return try result.get()
    }

    private func write<Value>(
        _ db: Database, _ body: (EmbeddedStore) throws -> (Value, [CouplingNotice])
    ) -> Result<Value, CouplingFailure> {
        let store = EmbeddedStore(db: db)
        do {
            try expire(db)
            var value: Value?
            var notices: [CouplingNotice] = []
            try db.inTransaction(.immediate) {
                (value, notices) = try body(store)
                if notices.contains(where: { $0.value == nil }) { try store.forget(beyond: deletionLimit) }
                return .commit
            }
            hub.publish(notices)
            return .success(value!)
        } catch let failure as CouplingFailure {
            return .failure(failure)
        } catch {
            return .failure(isOpen ? CouplingFailure(error, path: path) : .closed)
        }
    }

    private func sweep() async {
        let now = clock.now
        guard deadlines.withLock({ $0.values.contains { $0 <= now } }) else { return }
        // What fails here is tried again; nobody is told of a key's end before it is written down.
        try? await inTransaction { _ in ((), []) }
    }

    /// In a transaction of its own: it stands when what follows is refused.
    private func expire(_ db: Database) throws {
        let now = clock.now
        let ended = deadlines.withLock { $0.filter { $0.value <= now }.map(\.key) }
        guard !ended.isEmpty else { return }
        let store = EmbeddedStore(db: db)
        var notices: [CouplingNotice] = []
        try db.inTransaction(.immediate) {
            for identifier in ended { notices += try store.end(identifier) }
            return .commit
        }
        deadlines.withLock { for identifier in ended { $0[identifier] = nil } }
        hub.publish(notices)
    }
}

extension CouplingLease {
    var nanoseconds: UInt64 { UInt64(seconds) * 1_000_000_000 }
}
