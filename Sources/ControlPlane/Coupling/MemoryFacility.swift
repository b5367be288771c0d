internal import Synchronization

/// A coupling facility that ends with its process: for tests and simulations, which can let it fail.
public final class MemoryFacility: CouplingFacility {
    /// What the next calls meet.
    public enum Weather: Sendable, Hashable {
        case fair
        /// Nothing is done.
        case unreachable
        /// Transactions are done, and nobody hears of it.
        case answersLost
        /// Transactions are refused for want of room.
        case full
    }

    fileprivate struct Stored: Sendable {
        var entry: CouplingEntry
        var lease: Int64?
    }

    fileprivate struct State: Sendable {
        var weather = Weather.fair
        var isClosed = false
        var revision: Int64 = 1
        var forgotten: Int64 = 0
        var entries: [String: Stored] = [:]
        var deletions: [String: Int64] = [:]
        /// By identifier: seconds, and when it ends.
        var leases: [Int64: (seconds: Int, end: UInt64)] = [:]
        var nextLease: Int64 = 1
        var transactions = 0
    }

    public let place = "in memory"
    private let state = Mutex(State())
    private let hub = WatchHub()
    private let clock: @Sendable () -> UInt64

    /// `clock`: nanoseconds, monotonic. A lease ends with the first call after its time.
    public init(clock: @escaping @Sendable () -> UInt64 = { MonotonicClock().now }) { self.clock = clock }

    public var weather: Weather {
        get { state.withLock { $0.weather } }
        set { state.withLock { $0.weather = newValue } }
    }

    /// Those that were done.
    public var transactions: Int { state.withLock { $0.transactions } }

    /// Forgets what was deleted before.
    public func compact() {
        state.withLock { state in
            state.deletions = [:]
            state.forgotten = state.revision
        }
    }

    public func list(_ prefix: String) async throws(CouplingFailure) -> CouplingListing {
        try reach { state in
            CouplingListing(
                entries: state.entries.values.map(\.entry).filter { $0.key.utf8.starts(with: prefix.utf8) }
                    .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) },
                revision: state.revision)
        }
    }

    public func commit(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome {
        transaction.requireBounds()
        return try reach(writing: true) { (state) throws(CouplingFailure) in
            let present = transaction.comparisons.map { state.entries[$0.key]?.entry }
            guard zip(transaction.comparisons, present).allSatisfy({ $0.holds(of: $1) }) else {
                return .refused(present.compactMap(\.self))
            }
            for case .put(_, _, let lease?) in transaction.operations where state.leases[lease.identifier] == nil {
                throw .leaseGone
            }
            state.transactions += 1
            let notices = state.apply(transaction.operations)
            hub.publish(notices)
            return .committed(state.revision)
        }
    }

    public func watch(_ prefix: String, after revision: Int64) -> CouplingWatch {
        let (watch, feed) = CouplingWatch.made()
        state.withLock { state in
            if state.isClosed { return feed.finish(.closed) }
            if state.forgotten > revision { return feed.finish(.compacted(state.forgotten)) }
            var changes = state.entries.values.filter { $0.entry.modifiedRevision > revision }.map {
                CouplingNotice(key: $0.entry.key, value: $0.entry.value, revision: $0.entry.modifiedRevision)
            }
            changes += state.deletions.filter { $0.value > revision }.map {
                CouplingNotice(key: $0.key, value: nil, revision: $0.value)
            }
            changes.sort { ($0.revision, $0.key) < ($1.revision, $1.key) }
            for change in changes where change.key.utf8.starts(with: prefix.utf8) {
                guard feed.offer(change) else { return }
            }
            hub.add(prefix, feed)
        }
        return watch
    }

    public func grantLease(seconds: Int) async throws(CouplingFailure) -> CouplingLease {
        precondition(CouplingBounds.lease.contains(seconds))
        return try reach { state in
            defer { state.nextLease += 1 }
            state.leases[state.nextLease] = (seconds, clock() + UInt64(seconds) * 1_000_000_000)
            return CouplingLease(identifier: state.nextLease, seconds: seconds)
        }
    }

    public func keepAlive(_ lease: CouplingLease) async throws(CouplingFailure) {
        try reach { (state) throws(CouplingFailure) in
            guard let seconds = state.leases[lease.identifier]?.seconds else { throw .leaseGone }
            state.leases[lease.identifier]?.end = clock() + UInt64(seconds) * 1_000_000_000
        }
    }

    public func revoke(_ lease: CouplingLease) async throws(CouplingFailure) {
        try reach { state in
            state.leases[lease.identifier]?.end = 0
            hub.publish(state.expire(at: clock()))
        }
    }

    public func close() async {
        state.withLock { $0.isClosed = true }
        hub.finish(.closed)
    }

    private func reach<Value: Sendable>(
        writing: Bool = false, _ body: (inout State) throws(CouplingFailure) -> Value
    ) throws(CouplingFailure) -> Value {
        try state.withLock { (state) throws(CouplingFailure) in
            if state.isClosed { throw .closed }
            if state.weather == .unreachable { throw .unreachable("by order of a test") }
            if state.weather == .full && writing { throw .full("by order of a test") }
            hub.publish(state.expire(at: clock()))
            let value = try body(&state)
            if state.weather == .answersLost && writing { throw .unreachable("its answer, by order of a test") }
            return value
        }
    }
}

extension MemoryFacility.State {
    fileprivate mutating func apply(_ operations: [CouplingTransaction.Operation]) -> [CouplingNotice] {
        let next = revision + 1
        var notices: [CouplingNotice] = []
        for operation in operations {
            switch operation {
            case .put(let key, let value, let lease):
                entries[key] = .init(
                    entry: CouplingEntry(key: key, value: value, modifiedRevision: next), lease: lease?.identifier)
                deletions[key] = nil
                notices.append(CouplingNotice(key: key, value: value, revision: next))
            case .delete(let key): notices += delete(at: next) { $0.entry.key == key }
            case .deletePrefix(let prefix):
                notices += delete(at: next) { $0.entry.key.utf8.starts(with: prefix.utf8) }
            }
        }
        if !notices.isEmpty { revision = next }
        return notices
    }

    fileprivate mutating func expire(at now: UInt64) -> [CouplingNotice] {
        let ended = Set(leases.filter { $0.value.end <= now }.keys)
        guard !ended.isEmpty else { return [] }
        for lease in ended { leases[lease] = nil }
        let notices = delete(at: revision + 1) { $0.lease.map(ended.contains) ?? false }
        if !notices.isEmpty { revision += 1 }
        return notices
    }

    private mutating func delete(
        at revision: Int64, where isMeant: (MemoryFacility.Stored) -> Bool
    ) -> [CouplingNotice] {
        let keys = entries.filter { isMeant($0.value) }.keys.sorted()
        for key in keys {
            entries[key] = nil
            deletions[key] = revision
        }
        return keys.map { CouplingNotice(key: $0, value: nil, revision: revision) }
    }
}
