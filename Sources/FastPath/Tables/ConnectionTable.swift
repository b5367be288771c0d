internal import Wire

/// What names a connection, in three words that are compared as they are.
struct ConnectionKey: BitwiseCopyable {
    var remoteHigh: UInt64
    var remoteLow: UInt64
    /// Remote port, local port, DVIPA's index, protocol: 16, 16, 16 and 8 bits from the top.
    var rest: UInt64

    /// The DVIPA goes in by its index: 16 bits in place of an address.
    @inline(__always)
    init(_ flow: Flow, dvipa: Int32) {
        remoteHigh = flow.remote.high
        remoteLow = flow.remote.low
        rest =
            UInt64(flow.remotePort) << 48 | UInt64(flow.localPort) << 32
            | UInt64(UInt16(truncatingIfNeeded: dvipa)) << 16 | UInt64(flow.ipProtocol) << 8
    }

    /// As above, of an IPv4 connection.
    @inline(__always)
    init(_ flow: IPv4Flow, dvipa: Int32) {
        remoteHigh = 0
        remoteLow = IPAddress(v4: flow.remote).low
        rest =
            UInt64(flow.remotePort) << 48 | UInt64(flow.localPort) << 32
            | UInt64(UInt16(truncatingIfNeeded: dvipa)) << 16 | UInt64(flow.ipProtocol) << 8
    }

    var remotePort: UInt16 { UInt16(truncatingIfNeeded: rest >> 48) }
    var localPort: UInt16 { UInt16(truncatingIfNeeded: rest >> 32) }
    var ipProtocol: UInt8 { UInt8(truncatingIfNeeded: rest >> 8) }
    var dvipa: Int { Int(UInt16(truncatingIfNeeded: rest >> 16)) }

    @inline(__always)
    func hash(_ hash: TableHash) -> UInt64 { hash(remoteLow ^ rest.byteSwapped, remoteHigh ^ rest) }
}

/// Which target serves which connection. Open addressing over 32-byte entries, two to a cache line, in memory taken at
/// start; a probe looks at `probeLimit` entries at most.
///
/// Bounded: connections idle past their limit are found by a walk of a few entries a batch, and by a longer one when room
/// is short. If that frees nothing the new connection is refused (`connectionTableFull`) and the old ones live. Of those
/// that only began, `HalfOpenConnections` holds a bounded part, each SA's bounded again.
struct ConnectionTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        var key: ConnectionKey
        /// Index plus one; 0 is an empty entry.
        var target: UInt16
        var closing: Bool
        /// Of its target, when it was made: an entry of another generation is of before its target was lost.
        var generation: UInt8
        /// Seconds on the router's clock, below 2^31. Of a connection that only began: `halfOpen`, and its place among those;
        /// no time is equal to it, so that whoever notes a packet comes by here without another question.
        var lastSeen: UInt32
        @inline(__always) var isHalfOpen: Bool { lastSeen & Self.halfOpen != 0 }
        @inline(__always) var halfOpenPlace: Int { Int(lastSeen & ~Self.halfOpen) }
        static let halfOpen: UInt32 = 1 << 31
    }

    /// Entries that a lookup may read. A table is two thirds full at most: then runs longer than this, which would keep a
    /// connection out though there is room, come once in 10^8 (they get rarer by exp(-0.072) with each entry), and the
    /// usual lookup reads a line or two whatever the limit is.
    static let probeLimit = 256

    private var entries: Slab<Entry>
    private let mask: Int
    private let hash = TableHash()
    /// Seconds without a packet after which an entry is freed; the second once FIN or RST was seen.
    var idleSeconds: UInt32 = 7200
    var closingSeconds: UInt32 = 120
    /// The same of a flow that is not TCP: nobody says when it is over (RFC 4787 §4.3 asks for 5 minutes).
    var flowSeconds: UInt32 = 300
    /// Seconds after which a connection that only began is forgotten; TCP gives up then, too.
    var halfOpenSeconds: UInt32 = 60
    private var halfOpen: HalfOpenConnections
    /// Entries in use.
    private(set) var count = 0
    private let bound: Int
    /// Where the walk goes on.
    private var cursor = 0
    /// When room was last searched for.
    private var lastSearch = UInt32.max

    /// Entries looked at in every batch, while a lost target's are there, and when room is short.
    static let walkCount = 4
    static let sweepCount = 1024
    private static let searchCount = 4096
    /// Of half-open ones, in every batch and when there is no room for another.
    private static let expireCount = 16

    /// What is known of a target's entries.
    struct Share: BitwiseCopyable {
        var count = 0
        /// Entries that were ever made for it.
        var madeCount: UInt64 = 0
        /// Entries of before it was lost that are still in the table: as good as absent.
        var formerCount = 0
        var generation: UInt8 = 0
    }

    private var shares: Slab<Share>
    /// Of every entry, of those that only began, and of what the targets have (`stateDigests`).
    var digests: [Int] { [entries.digest(), shares.digest()] + halfOpen.digests }
    /// Entries of all targets' former generations.
    private(set) var formerCount = 0

    /// Of `capacity` connections how many may be half-open: a quarter, where there are many.
    static func halfOpenCapacity(of capacity: Int) -> Int { max(capacity / 4, 4096) }
    /// Of these under one SA.
    static func halfOpenLimit(of capacity: Int) -> Int { max(capacity / 32, 4096) }

    /// Room for `capacity` connections to `targetCount` targets; takes 48 to 96 bytes for each, and 40 for each half-open
    /// one.
    ///
    /// - Parameters:
    ///   - halfOpen: How many may be half-open together; nil: `halfOpenCapacity`.
    ///   - halfOpenLimit: How many of one SA; nil: `halfOpenLimit`.
    init(
        capacity: Int, targetCount: Int, associationCount: Int = 1, halfOpen: Int? = nil, halfOpenLimit: Int? = nil
    ) {
        self.halfOpen = HalfOpenConnections(
            capacity: halfOpen ?? Self.halfOpenCapacity(of: capacity),
            limit: halfOpenLimit ?? Self.halfOpenLimit(of: capacity), associationCount: associationCount)
        shares = Slab(repeating: Share(), count: max(targetCount, 1))
        var size = 32
        while size * 2 < capacity * 3 { size *= 2 }
        precondition(MemoryLayout<Entry>.stride == 32)
        let none = Entry(
            key: ConnectionKey(.none, dvipa: 0), target: 0, closing: false, generation: 0, lastSeen: 0)
        entries = Slab(repeating: none, count: size)
        mask = size - 1
        bound = capacity
    }

    /// The table for the length of one loop: lookups, and the note that a connection lives.
    struct Reader: BitwiseCopyable {
        fileprivate let entries: SlabView<Entry>
        fileprivate let hash: TableHash

        /// Where a connection's lookup begins; asks for its cache line.
        @inline(__always)
        func home(of key: ConnectionKey) -> Int {
            let home = Int(truncatingIfNeeded: key.hash(hash)) & (entries.count &- 1)
            entries.prefetch(home)
            return home
        }

        /// The connection's entry, or -1.
        @inline(__always)
        func find(_ key: ConnectionKey, home: Int) -> Int {
            var at = home
            for _ in 0..<ConnectionTable.probeLimit {
                let differs =
                    (entries[at].key.rest ^ key.rest) | (entries[at].key.remoteLow ^ key.remoteLow)
                    | (entries[at].key.remoteHigh ^ key.remoteHigh)
                if entries[at].target == 0 { return -1 }
                if differs == 0 { return at }
                at = (at &+ 1) & (entries.count &- 1)
            }
            return -1
        }

        /// The index of the target that serves the connection at an entry.
        @inline(__always)
        func target(at index: Int) -> Int { Int(entries[index].target) &- 1 }

        /// Notes that an authenticated packet of the connection was seen. True when it had only begun: `confirm` is next.
        @inline(__always) @discardableResult
        func refresh(at index: Int, now: UInt32, tcpFlags: UInt8, _ proof: AuthenticationProof) -> Bool {
            if tcpFlags & (TCPHeader.Flag.fin | TCPHeader.Flag.rst | TCPHeader.Flag.syn) != 0 {
                // A SYN on a connection that was closing is a new one on the same four numbers.
                entries[index].closing = tcpFlags & TCPHeader.Flag.syn == 0
            }
            // Most packets come within the second: then the line stays clean.
            if entries[index].lastSeen != now {
                if entries[index].isHalfOpen { return true }
                entries[index].lastSeen = now
            }
            return false
        }
    }

    @inline(__always)
    var reader: Reader { Reader(entries: entries.view, hash: hash) }

    func home(of key: ConnectionKey) -> Int { reader.home(of: key) }
    func find(_ key: ConnectionKey, home: Int) -> Int { reader.find(key, home: home) }
    func target(at index: Int) -> Int { reader.target(at: index) }

    /// Makes an entry for a connection that has none; false when there is no room.
    ///
    /// - Parameter beginsUnder: The SA's index, when this is a connection's first packet and more must follow; it must be
    ///   one that `admitsHalfOpen` says yes to.
    mutating func insert(
        _ key: ConnectionKey, home: Int, target: Int, now: UInt32, closing: Bool, beginsUnder association: Int? = nil,
        _ proof: AuthenticationProof
    ) -> Bool {
        var place = emptyPlace(from: home)
        if place < 0 && lastSearch != now {
            // Once a second at most, so that a flood of new connections cannot make every packet search.
            lastSearch = now
            age(Self.searchCount, now: now)
            place = emptyPlace(from: home)
        }
        guard place >= 0 else { return false }
        var lastSeen = now
        if let association {
            lastSeen = Entry.halfOpen | UInt32(halfOpen.add(key, association: association, now: now))
        }
        entries[place] = Entry(
            key: key, target: UInt16(target + 1), closing: closing, generation: shares[target].generation,
            lastSeen: lastSeen)
        count += 1
        shares[target].count += 1
        shares[target].madeCount &+= 1
        return true
    }

    /// Whether one more connection may begin under an SA; forgets some that began too long ago.
    mutating func admitsHalfOpen(association: Int, now: UInt32) -> Bool {
        if halfOpen.admits(association: association) { return true }
        expire(now: now)
        return halfOpen.admits(association: association)
    }

    /// A packet that only who was answered sends: the connection that began is one now.
    mutating func confirm(at index: Int, now: UInt32, _ proof: AuthenticationProof) {
        guard entries[index].isHalfOpen else { return }
        halfOpen.remove(entries[index].halfOpenPlace)
        entries[index].lastSeen = now
    }

    /// Connections that only began: all, and those under one SA.
    var halfOpenCount: Int { halfOpen.count }
    func halfOpenCount(association: Int) -> Int { halfOpen.count(association: association) }

    private mutating func expire(now: UInt32) {
        for _ in 0..<Self.expireCount {
            guard let key = halfOpen.expired(after: halfOpenSeconds, now: now) else { return }
            let at = find(key, home: home(of: key))
            precondition(at >= 0 && entries[at].isHalfOpen)
            remove(at: at)
        }
    }

    /// The entry is of before its target was lost.
    func isFormer(at index: Int) -> Bool { isFormer(entries[index]) }

    private func isFormer(_ entry: Entry) -> Bool { entry.generation != shares[Int(entry.target) - 1].generation }

    /// Gives a connection whose target was lost to another one.
    mutating func reassign(at index: Int, to target: Int, now: UInt32, closing: Bool, _ proof: AuthenticationProof) {
        forget(entries[index])  // And with it that it only began: nobody floods with connections of a lost target.
        entries[index].target = UInt16(target + 1)
        entries[index].closing = closing
        entries[index].generation = shares[target].generation
        entries[index].lastSeen = now
        shares[target].count += 1
    }

    /// Forgets all connections of a target at once; their entries are swept away by `age`, little by little.
    mutating func lose(_ target: Int) {
        shares[target].formerCount += shares[target].count
        formerCount += shares[target].count
        shares[target].count = 0
        shares[target].generation &+= 1
        // Generations come round: none may be left of the one that begins again.
        while shares[target].generation == 0 && shares[target].formerCount > 0 { walk(Self.searchCount, now: nil) }
    }

    /// Entries of before a target's loss are still there.
    func hasFormer(of target: Int) -> Bool { shares[target].formerCount > 0 }

    /// Takes from a connection the time that a living one has; its last segments still find it.
    mutating func close(at index: Int) { entries[index].closing = true }

    /// A connection lives, though nothing was seen of it here.
    mutating func revive(at index: Int, now: UInt32, _ proof: AuthenticationProof) {
        if entries[index].isHalfOpen { confirm(at: index, now: now, proof) } else { entries[index].lastSeen = now }
        // Of one that closed: a new one on the same numbers.
        entries[index].closing = false
    }

    private mutating func forget(_ entry: Entry) {
        if entry.isHalfOpen { halfOpen.remove(entry.halfOpenPlace) }
        let target = Int(entry.target) - 1
        if isFormer(entry) {
            shares[target].formerCount -= 1
            formerCount -= 1
        } else {
            shares[target].count -= 1
        }
    }

    private func emptyPlace(from home: Int) -> Int {
        guard count < bound else { return -1 }
        var at = home
        for _ in 0..<Self.probeLimit {
            if entries[at].target == 0 { return at }
            at = (at + 1) & mask
        }
        return -1
    }

    /// Looks at the next `count` entries in turn, each at most twice, and frees those that were idle past their limit and
    /// those whose target was lost.
    mutating func age(_ count: Int, now: UInt32) {
        if halfOpen.count > 0 { expire(now: now) }
        walk(count, now: now)
    }

    /// Without a time nobody is idle.
    private mutating func walk(_ count: Int, now: UInt32?) {
        for _ in 0..<min(count, 2 * (mask + 1)) {
            let entry = entries[cursor]
            if entry.target != 0 && (isIdle(entry, now) || isFormer(entry)) {
                remove(at: cursor)  // Another may have moved in: it is the next to be looked at.
            } else {
                cursor = (cursor + 1) & mask
            }
        }
    }

    private func isIdle(_ entry: Entry, _ now: UInt32?) -> Bool {
        guard let now else { return false }
        if entry.isHalfOpen { return now &- halfOpen.since(entry.halfOpenPlace) > halfOpenSeconds }
        let living = entry.key.ipProtocol == IPProtocol.tcp ? idleSeconds : flowSeconds
        return now &- entry.lastSeen > (entry.closing ? closingSeconds : living)
    }

    /// Closes the gap it leaves, so that lookups may stop at the first empty entry.
    private mutating func remove(at index: Int) {
        forget(entries[index])
        var gap = index
        var at = (gap + 1) & mask
        while entries[at].target != 0 {
            let home = Int(truncatingIfNeeded: entries[at].key.hash(hash)) & mask
            // Move it back unless its home lies between the gap and itself.
            if (at - home) & mask >= (at - gap) & mask {
                entries[gap] = entries[at]
                gap = at
            }
            at = (at + 1) & mask
        }
        entries[gap].target = 0
        count -= 1
    }

    /// Every entry, for snapshots in tests; in an order that does not depend on where they lie.
    var contents: [[UInt64]] {
        let all = (0...mask).compactMap { at -> [UInt64]? in
            let entry = entries[at]
            guard entry.target != 0 else { return nil }
            return [
                entry.key.remoteHigh, entry.key.remoteLow, entry.key.rest, UInt64(entry.target),
                entry.closing ? 1 : 0, UInt64(entry.generation), UInt64(entry.lastSeen),
            ]
        }
        return all.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Connections that a target serves.
    func count(of target: Int) -> Int { shares[target].count }
    func madeCount(of target: Int) -> UInt64 { shares[target].madeCount }
}
