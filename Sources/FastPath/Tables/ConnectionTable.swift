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
        rest = UInt64(flow.remotePort) << 48 | UInt64(flow.localPort) << 32
            | UInt64(UInt16(truncatingIfNeeded: dvipa)) << 16 | UInt64(flow.ipProtocol) << 8
    }

    @inline(__always)
    func hash(_ hash: TableHash) -> UInt64 { hash(remoteLow ^ rest.byteSwapped, remoteHigh ^ rest) }
}

/// Which target serves which connection. Open addressing over 32-byte entries, two to a cache line, in memory taken at
/// start; a probe looks at `probeLimit` entries at most.
///
/// Bounded: when the table or a probe's reach is full, the connection idle longest past its limit gives way; if none is
/// past it, the new one is refused (`connectionTableFull`) and the old ones live.
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
    /// Seconds without a packet after which an entry may be reused; the second once FIN or RST was seen.
    var idleSeconds: UInt32 = 7200
    var closingSeconds: UInt32 = 120
    /// Entries in use.
    private(set) var count = 0
    private let bound: Int

    /// Room for `capacity` connections; takes 48 to 96 bytes for each.
    init(capacity: Int) {
        var size = 32
        while size * 2 < capacity * 3 { size *= 2 }
        precondition(MemoryLayout<Entry>.stride == 32)
        let none = Entry(
            key: ConnectionKey(.none, dvipa: 0), target: 0, closing: false, lastSeen: 0)
        entries = Slab(repeating: none, count: size)
        mask = size - 1
        bound = capacity
    }

    /// Where a connection's lookup begins; asks for its cache line.
    @inline(__always)
    func home(of key: ConnectionKey) -> Int {
        let home = Int(truncatingIfNeeded: key.hash(hash)) & mask
        entries.prefetch(home)
        return home
    }

    /// The connection's entry, or -1.
    @inline(__always)
    func find(_ key: ConnectionKey, home: Int) -> Int {
        var at = home
        for _ in 0..<Self.probeLimit {
            let entry = entries[at]
            if entry.target == 0 { return -1 }
            if entry.key.rest == key.rest && entry.key.remoteLow == key.remoteLow
                && entry.key.remoteHigh == key.remoteHigh
            {
                return at
            }
            at = (at + 1) & mask
        }
        return -1
    }

    /// The index of the target that serves the connection at an entry.
    @inline(__always)
    func target(at index: Int) -> Int { Int(entries[index].target) &- 1 }

    /// Notes that an authenticated segment of the connection was seen.
    @inline(__always)
    mutating func refresh(at index: Int, now: UInt32, tcpFlags: UInt8, _ proof: AuthenticationProof) {
        if tcpFlags & (TCPHeader.Flag.fin | TCPHeader.Flag.rst | TCPHeader.Flag.syn) != 0 {
            // A SYN on a connection that was closing is a new one on the same four numbers.
            entries[index].closing = tcpFlags & TCPHeader.Flag.syn == 0
        }
        // Most packets come within the second: then the line stays clean.
        if entries[index].lastSeen != now { entries[index].lastSeen = now }
    }

    /// Makes an entry for a connection that has none; false when there is no room.
    mutating func insert(
        _ key: ConnectionKey, home: Int, target: Int, now: UInt32, closing: Bool, _ proof: AuthenticationProof
    ) -> Bool {
        var victim = -1
        var victimAge: UInt32 = 0
        var at = home
        for _ in 0..<Self.probeLimit {
            let entry = entries[at]
            if entry.target == 0 {
                if count >= bound { break }
                count += 1
                victim = at
                break
            }
            let idle = now &- entry.lastSeen
            if idle > (entry.closing ? closingSeconds : idleSeconds) && idle >= victimAge {
                victim = at
                victimAge = idle
            }
            at = (at + 1) & mask
        }
        if victim < 0 { return false }
        entries[victim] = Entry(key: key, target: UInt16(target + 1), closing: closing, lastSeen: now)
        return true
    }

    /// Connections by target, counted by reading the whole table: for reports, not per packet.
    func countByTarget(_ targetCount: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: targetCount)
        for index in 0...mask where entries[index].target != 0 { counts[Int(entries[index].target) - 1] += 1 }
        return counts
    }
}
