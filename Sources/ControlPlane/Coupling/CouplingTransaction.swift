/// What is to be done together, and what must be true for it.
public struct CouplingTransaction: Sendable, Hashable {
    public enum Comparison: Sendable, Hashable {
        case absent(String)
        case value(String, [UInt8])
        /// It was put last by the transaction of this revision.
        case revision(String, Int64)

        public var key: String {
            switch self {
            case .absent(let key), .value(let key, _), .revision(let key, _): key
            }
        }

        /// Whether it holds of what is there under its key; nil for nothing.
        public func holds(of entry: CouplingEntry?) -> Bool {
            switch self {
            case .absent: entry == nil
            case .value(_, let value): entry?.value == value
            case .revision(_, let revision): entry?.modifiedRevision == revision
            }
        }
    }

    public enum Operation: Sendable, Hashable {
        case put(String, [UInt8], CouplingLease? = nil)
        /// Nothing where there is none.
        case delete(String)
        /// All keys that begin with it.
        case deletePrefix(String)

        /// The key, or the prefix.
        public var key: String {
            switch self {
            case .put(let key, _, _), .delete(let key), .deletePrefix(let key): key
            }
        }

        fileprivate var byteCount: Int {
            guard case .put(_, let value, _) = self else { return key.utf8.count }
            return key.utf8.count + value.count
        }
    }

    /// Each key at most once.
    public var comparisons: [Comparison]
    /// No two of them concern the same key: what is done together has no order.
    public var operations: [Operation]

    public init(when comparisons: [Comparison] = [], _ operations: [Operation]) {
        self.comparisons = comparisons
        self.operations = operations
    }

    /// Traps when it is not what the properties and `CouplingBounds` say. For implementations: each begins with it.
    public func requireBounds() {
        if let fault = boundsFault { preconditionFailure(fault) }
    }

    /// What `requireBounds` would trap on, of what another member sent; nil for nothing.
    public var boundsFault: String? {
        guard comparisons.count <= CouplingBounds.operations, operations.count <= CouplingBounds.operations else {
            return "a transaction has \(CouplingBounds.operations) comparisons and as many operations at most"
        }
        guard operations.reduce(0, { $0 + $1.byteCount }) <= CouplingBounds.transaction else {
            return "a transaction has \(CouplingBounds.transaction) bytes at most"
        }
        guard Set(comparisons.map(\.key)).count == comparisons.count else { return "a key is compared twice" }
        guard Set(operations.map(\.key)).count == operations.count else { return "a key is written twice" }
        let keys = comparisons.map(\.key) + operations.map(\.key)
        guard keys.allSatisfy({ (1...CouplingBounds.key).contains($0.utf8.count) }) else {
            return "a key has 1 to \(CouplingBounds.key) bytes"
        }
        for case .put(_, let value, _) in operations where value.count > CouplingBounds.value {
            return "a value has 1 MiB at most"
        }
        for case .deletePrefix(let prefix) in operations {
            let others = operations.count { $0.key.utf8.starts(with: prefix.utf8) }
            guard others == 1 else { return "a key is written twice" }
        }
        return nil
    }
}

public enum CouplingOutcome: Sendable, Hashable {
    /// Done, at this revision; at the present one when there was nothing to change.
    case committed(Int64)
    /// A comparison did not hold: what is there under the compared keys, in the order of the comparisons, without those
    /// that are absent.
    case refused([CouplingEntry])
}
