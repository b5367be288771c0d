internal import Wire

/// Connections of which only a first packet was seen, in the order in which they began: TCP's with a SYN alone, other
/// protocols' with one packet.
///
/// Bounded in two ways: all of them together are a part of the connection table, and those that began under one SA a part
/// of that. So a peer, verified as it may be, that only begins connections runs into its own bound, and leaves those that
/// are there, and the beginnings of others, alone.
struct HalfOpenConnections: ~Copyable {
    struct Entry: BitwiseCopyable {
        var key: ConnectionKey
        /// Index of the SA it began under; -1 of a free entry.
        var association: Int32
        /// Seconds on the router's clock.
        var since: UInt32
        var older: Int32
        /// Or the next free one.
        var newer: Int32
    }

    private var entries: Slab<Entry>
    /// By the SA's index. An SA that takes the place of another begins with what is left of that one's.
    private var counts: Slab<UInt32>
    private let limit: Int
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    private var firstFree: Int32 = 0
    private(set) var count = 0
    var digests: [Int] { [entries.digest(), counts.digest(), count] }

    /// - Parameters:
    ///   - limit: Of one SA.
    init(capacity: Int, limit: Int, associationCount: Int) {
        precondition(capacity > 0 && limit > 0)
        self.limit = limit
        let none = Entry(key: ConnectionKey(.none, dvipa: 0), association: -1, since: 0, older: -1, newer: -1)
        entries = Slab(repeating: none, count: capacity)
        counts = Slab(repeating: 0, count: max(associationCount, 1))
        for index in 0..<capacity { entries[index].newer = index + 1 < capacity ? Int32(index + 1) : -1 }
    }

    /// Whether one more may begin under an SA.
    func admits(association: Int) -> Bool { firstFree >= 0 && Int(counts[association]) < limit }

    /// Traps when it is not admitted.
    mutating func add(_ key: ConnectionKey, association: Int, now: UInt32) -> Int {
        precondition(admits(association: association))
        let place = Int(firstFree)
        firstFree = entries[place].newer
        entries[place] = Entry(key: key, association: Int32(association), since: now, older: newest, newer: -1)
        if newest >= 0 { entries[Int(newest)].newer = Int32(place) } else { oldest = Int32(place) }
        newest = Int32(place)
        counts[association] += 1
        count += 1
        return place
    }

    mutating func remove(_ place: Int) {
        let entry = entries[place]
        precondition(entry.association >= 0)
        if entry.older >= 0 { entries[Int(entry.older)].newer = entry.newer } else { oldest = entry.newer }
        if entry.newer >= 0 { entries[Int(entry.newer)].older = entry.older } else { newest = entry.older }
        counts[Int(entry.association)] -= 1
        entries[place].association = -1
        entries[place].newer = firstFree
        firstFree = Int32(place)
        count -= 1
    }

    /// When an entry began, in seconds.
    func since(_ place: Int) -> UInt32 { entries[place].since }

    /// The key of the oldest, when it began more than `seconds` ago.
    func expired(after seconds: UInt32, now: UInt32) -> ConnectionKey? {
        guard oldest >= 0, now &- entries[Int(oldest)].since > seconds else { return nil }
        return entries[Int(oldest)].key
    }

    func count(association: Int) -> Int { Int(counts[association]) }
}
