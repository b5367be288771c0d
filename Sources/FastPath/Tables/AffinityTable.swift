internal import Wire

/// Where a client's last new connection to a service went, for a while. Open addressing, in memory taken at start.
///
/// Bounded: who finds no place among those that are over is not remembered, and its connections are chosen for one by one;
/// those that are remembered stay. `omitted` counts it.
struct AffinityTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        var clientHigh: UInt64
        var clientLow: UInt64
        var service: Int32
        /// Index plus one; 0 of a place that nobody had yet.
        var target: UInt16
        /// Of the client's last new connection, in seconds on the router's clock.
        var since: UInt32
    }

    /// Clients that are remembered, of all services together, where any service has affinity.
    static let defaultCapacity = 65_536
    private static let probeLimit = 16

    private var entries: Slab<Entry>
    /// By service.
    private let seconds: Slab<UInt32>
    private let mask: Int
    private let hash = TableHash()
    private(set) var omitted: UInt64 = 0
    /// Places that are taken, by those that are over among them.
    private(set) var count = 0
    var digest: Int { entries.digest() }

    /// Room for about `defaultCapacity` clients, 48 to 96 bytes for each, where any service has affinity.
    ///
    /// - Parameter seconds: By service; 0 of one without.
    init(seconds: [UInt32], capacity: Int = defaultCapacity) {
        let capacity = seconds.contains { $0 > 0 } ? capacity : 1
        var table = Slab<UInt32>(repeating: 0, count: max(seconds.count, 1))
        for (index, value) in seconds.enumerated() { table[index] = value }
        self.seconds = table
        var size = 32
        while size * 2 < capacity * 3 { size *= 2 }
        entries = Slab(
            repeating: Entry(clientHigh: 0, clientLow: 0, service: 0, target: 0, since: 0), count: size)
        mask = size - 1
    }

    /// The target that a client of a service is to get, or -1 when it has none, or had it too long ago.
    func find(_ key: ConnectionKey, service: Int, now: UInt32) -> Int {
        var at = home(key, service)
        for _ in 0..<Self.probeLimit {
            let entry = entries[at]
            if entry.target == 0 { return -1 }
            if isOf(entry, key, service) { return now &- entry.since <= seconds[service] ? Int(entry.target) - 1 : -1 }
            at = (at + 1) & mask
        }
        return -1
    }

    /// Notes where a client's new connection went.
    mutating func note(
        _ key: ConnectionKey, service: Int, target: Int, now: UInt32, _ proof: AuthenticationProof
    ) {
        var at = home(key, service)
        var free = -1
        for _ in 0..<Self.probeLimit {
            let entry = entries[at]
            if entry.target == 0 {
                if free < 0 { free = at }
                break
            }
            if isOf(entry, key, service) {
                free = at
                break
            }
            // Nothing is ever taken out: a place of one that is over is taken by another, and the chain stays whole.
            if free < 0, now &- entry.since > seconds[Int(entry.service)] { free = at }
            at = (at + 1) & mask
        }
        guard free >= 0 else {
            omitted &+= 1
            return
        }
        if entries[free].target == 0 { count += 1 }
        entries[free] = Entry(
            clientHigh: key.remoteHigh, clientLow: key.remoteLow, service: Int32(service), target: UInt16(target + 1),
            since: now)
    }

    private func home(_ key: ConnectionKey, _ service: Int) -> Int {
        Int(truncatingIfNeeded: hash(key.remoteLow, key.remoteHigh ^ UInt64(service))) & mask
    }

    private func isOf(_ entry: Entry, _ key: ConnectionKey, _ service: Int) -> Bool {
        entry.clientLow == key.remoteLow && entry.clientHigh == key.remoteHigh && Int(entry.service) == service
    }
}
