/// Chains that were found good, so that a peer that comes again costs no signatures. Bounded: the oldest goes first.
struct VerifiedChains: Sendable {
    struct Entry: Sendable {
        let leaf: KnownCertificate
        /// While nothing of it begins or ends, in seconds since 1970.
        let validity: ClosedRange<Int64>
    }

    let maximumCount: Int
    private var entries: [[UInt8]: Entry] = [:]
    /// Keys in the order of their coming, around `next`.
    private var order: [[UInt8]] = []
    private var next = 0

    init(maximumCount: Int) {
        precondition(maximumCount > 0)
        self.maximumCount = maximumCount
    }

    var count: Int { entries.count }

    subscript(key: [UInt8]) -> Entry? { entries[key] }

    mutating func insert(_ entry: Entry, for key: [UInt8]) {
        guard entries.updateValue(entry, forKey: key) == nil else { return }
        if order.count < maximumCount {
            order.append(key)
        } else {
            entries.removeValue(forKey: order[next])
            order[next] = key
            next = (next + 1) % maximumCount
        }
    }
}
