internal import Associations
internal import Wire

/// Which targets serve what, and whose turn it is. Read only for connections that have no entry yet.
struct ServiceTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        var dvipa: Int32
        var service: Int32
        var firstPort: UInt16
        var lastPort: UInt16
        var ipProtocol: UInt8
    }

    struct Turns: BitwiseCopyable {
        /// Its targets are `members[first ..< first + count]`.
        var first: Int32
        var count: Int32
        var next: Int32
    }

    private var entries: Slab<Entry>
    private let entryCount: Int
    private var turns: Slab<Turns>
    private var members: Slab<Int32>
    private let agreed = TableHash(fixed: ())

    /// Traps when a service names a DVIPA or a target that is not in the lists, or has no target.
    init(_ services: [Service], dvipas: [IPAddress], targets: [Target]) {
        let places = services.flatMap { service in service.ports.map { (service, $0) } }
        let none = Entry(dvipa: -1, service: -1, firstPort: 1, lastPort: 0, ipProtocol: 0)
        entries = Slab(repeating: none, count: max(places.count, 1))
        entryCount = places.count
        turns = Slab(repeating: Turns(first: 0, count: 0, next: 0), count: max(services.count, 1))
        members = Slab(repeating: -1, count: max(services.reduce(0) { $0 + $1.targets.count }, 1))
        var placed = 0
        var firstMember = 0
        for (index, service) in services.enumerated() {
            precondition(!service.targets.isEmpty)
            let dvipa = dvipas.firstIndex(of: service.dvipa)!
            for ports in service.ports {
                entries[placed] = Entry(
                    dvipa: Int32(dvipa), service: Int32(index), firstPort: ports.lowerBound,
                    lastPort: ports.upperBound, ipProtocol: service.ipProtocol)
                placed += 1
            }
            turns[index] = Turns(first: Int32(firstMember), count: Int32(service.targets.count), next: 0)
            for name in service.targets {
                members[firstMember] = Int32(targets.firstIndex { $0.name == name }!)
                firstMember += 1
            }
        }
    }

    /// The service at a DVIPA's port, or -1.
    func find(dvipa: Int32, ipProtocol: UInt8, port: UInt16) -> Int {
        for index in 0..<entryCount {
            let entry = entries[index]
            if entry.dvipa == dvipa && entry.ipProtocol == ipProtocol && entry.firstPort <= port
                && port <= entry.lastPort
            {
                return Int(entry.service)
            }
        }
        return -1
    }

    /// The next usable target in turn, or -1 when the service has none.
    mutating func takeTurn(_ service: Int, usable: borrowing TargetTable) -> Int {
        let count = turns[service].count
        for _ in 0..<count {
            let member = Int(members[Int(turns[service].first &+ turns[service].next)])
            turns[service].next = turns[service].next + 1 == count ? 0 : turns[service].next + 1
            if usable.isUsable(member) { return member }
        }
        return -1
    }

    /// The target that every router would choose for a connection nobody has an entry for: the usable one with the
    /// highest hash of both (rendezvous), so that a lost target moves only its own. -1 when there is none.
    func agreeOn(_ key: ConnectionKey, _ service: Int, usable: borrowing TargetTable) -> Int {
        var best = -1
        var bestWeight: UInt64 = 0
        let connection = key.hash(agreed)
        for at in 0..<Int(turns[service].count) {
            let member = Int(members[Int(turns[service].first) + at])
            let weight = agreed(connection, usable.identity(member))
            if usable.isUsable(member) && (best < 0 || weight > bestWeight) {
                best = member
                bestWeight = weight
            }
        }
        return best
    }
}
