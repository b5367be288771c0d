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

    @inline(__always)
    func hash(_ hash: TableHash) -> UInt64 { hash(remoteLow ^ rest.byteSwapped, remoteHigh ^ rest) }
}

/// Which target serves which connection. Open addressing over 32-byte entries, two to a cache line, in memory taken at
/// start; a probe looks at `probeLimit` entries at most.
///
/// Bounded: connections idle past their limit are found by a walk of a few entries a batch, and by a longer one when room
/// is short. If that frees nothing the new connection is refused (`connectionTableFull`) and the old ones live.
struct ConnectionTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        var key: ConnectionKey
        /// Index plus one; 0 is an empty entry.
        var target: UInt16
        var closing: Bool
        /// Seconds on the router's clock.
        var lastSeen: UInt32
    }

    /// Entries that a lookup may read: eight cache lines.
    static let probeLimit = 16

    private var entries: Slab<Entry>
    private let mask: Int
    private let hash = TableHash()
    /// Seconds without a packet after which an entry is freed; the second once FIN or RST was seen.
    var idleSeconds: UInt32 = 7200
    var closingSeconds: UInt32 = 120
    /// Entries in use.
    private(set) var count = 0
    private let bound: Int
    /// Where the walk goes on.
    private var cursor = 0
    /// When room was last searched for.
    private var lastSearch = UInt32.max

    /// Entries looked at in every batch, and when room is short.
    static let walkCount = 4
    private static let searchCount = 4096

    /// Entries in use by target.
    private var countsByTarget: Slab<Int>

    /// Room for `capacity` connections to `targetCount` targets; takes 48 to 96 bytes for each.
    init(capacity: Int, targetCount: Int) {
        countsByTarget = Slab(repeating: 0, count: max(targetCount, 1))
        var size = 32
        while size * 2 < capacity * 3 { size *= 2 }
        precondition(MemoryLayout<Entry>.stride == 32)
        let none = Entry(
            key: ConnectionKey(.none, dvipa: 0), target: 0, closing: false, lastSeen: 0)
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

        /// Notes that an authenticated segment of the connection was seen.
        @inline(__always)
        func refresh(at index: Int, now: UInt32, tcpFlags: UInt8, _ proof: AuthenticationProof) {
            if tcpFlags & (TCPHeader.Flag.fin | TCPHeader.Flag.rst | TCPHeader.Flag.syn) != 0 {
                // A SYN on a connection that was closing is a new one on the same four numbers.
                entries[index].closing = tcpFlags & TCPHeader.Flag.syn == 0
            }
            // Most packets come within the second: then the line stays clean.
            if entries[index].lastSeen != now { entries[index].lastSeen = now }
        }
    }

    @inline(__always)
    var reader: Reader { Reader(entries: entries.view, hash: hash) }

    func home(of key: ConnectionKey) -> Int { reader.home(of: key) }
    func find(_ key: ConnectionKey, home: Int) -> Int { reader.find(key, home: home) }
    func target(at index: Int) -> Int { reader.target(at: index) }

    /// Makes an entry for a connection that has none; false when there is no room.
    mutating func insert(
        _ key: ConnectionKey, home: Int, target: Int, now: UInt32, closing: Bool, _ proof: AuthenticationProof
    ) -> Bool {
        var place = emptyPlace(from: home)
        if place < 0 && lastSearch != now {
            // Once a second at most, so that a flood of new connections cannot make every packet search.
            lastSearch = now
            age(Self.searchCount, now: now)
            place = emptyPlace(from: home)
        }
        guard place >= 0 else { return false }
        entries[place] = Entry(key: key, target: UInt16(target + 1), closing: closing, lastSeen: now)
        count += 1
        countsByTarget[target] += 1
        return true
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

    /// Looks at the next `count` entries in turn, each at most twice, and frees those that were idle past their limit.
    mutating func age(_ count: Int, now: UInt32) {
        for _ in 0..<min(count, 2 * (mask + 1)) {
            let entry = entries[cursor]
            if entry.target != 0 && now &- entry.lastSeen > (entry.closing ? closingSeconds : idleSeconds) {
                remove(at: cursor)  // Another may have moved in: it is the next to be looked at.
            } else {
                cursor = (cursor + 1) & mask
            }
        }
    }

    /// Closes the gap it leaves, so that lookups may stop at the first empty entry.
    private mutating func remove(at index: Int) {
        countsByTarget[Int(entries[index].target) - 1] -= 1
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

    /// Connections that a target serves.
    func count(of target: Int) -> Int { countsByTarget[target] }
}
