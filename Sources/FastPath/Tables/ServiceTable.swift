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

    /// A service's targets are `members[first ..< first + count]`.
    struct Turns: BitwiseCopyable {
        var first: Int32
        var count: Int32
    }

    struct Member: BitwiseCopyable {
        var target: Int32
        /// What it has saved up towards its next turn.
        var credit: Int64
    }

    private var entries: Slab<Entry>
    private let entryCount: Int
    private var turns: Slab<Turns>
    private var members: Slab<Member>
    private let agreed = TableHash(fixed: ())

    /// Traps when a service names a DVIPA or a target that is not in the lists, or has no target.
    init(_ services: [Service], dvipas: [IPAddress], targets: [Target]) {
        let places = services.flatMap { service in service.ports.map { (service, $0) } }
        let none = Entry(dvipa: -1, service: -1, firstPort: 1, lastPort: 0, ipProtocol: 0)
        entries = Slab(repeating: none, count: max(places.count, 1))
        entryCount = places.count
        turns = Slab(repeating: Turns(first: 0, count: 0), count: max(services.count, 1))
        members = Slab(
            repeating: Member(target: -1, credit: 0), count: max(services.reduce(0) { $0 + $1.targets.count }, 1))
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
            turns[index] = Turns(first: Int32(firstMember), count: Int32(service.targets.count))
            for name in service.targets {
                members[firstMember].target = Int32(targets.firstIndex { $0.name == name }!)
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
    ///
    /// Smooth weighted round robin: at every turn each usable target saves its weight, the richest one goes and pays what
    /// all have saved. Targets of equal weight go round in their order, and a target of three times the weight does not go
    /// three times in a row. Where nobody has a weight, all have the same.
    mutating func takeTurn(_ service: Int, usable: borrowing TargetTable) -> Int {
        let range = Int(turns[service].first)..<Int(turns[service].first &+ turns[service].count)
        var sum: Int64 = 0
        for at in range where usable.isUsable(Int(members[at].target)) {
            sum += Int64(usable.standing(Int(members[at].target)).weight)
        }
        let hasWeights = sum > 0
        if !hasWeights { for at in range where usable.isUsable(Int(members[at].target)) { sum += 1 } }
        var best = -1
        for at in range where usable.isUsable(Int(members[at].target)) {
            let weight = hasWeights ? Int64(usable.standing(Int(members[at].target)).weight) : 1
            if weight == 0 { continue }
            // Among the same targets nobody saves or owes more than all have in one turn; what is left of a time with
            // others must not count for longer.
            members[at].credit = min(max(members[at].credit, -sum), sum) + weight
            if best < 0 || members[at].credit > members[best].credit { best = at }
        }
        guard best >= 0 else { return -1 }
        members[best].credit -= sum
        return Int(members[best].target)
    }

    /// The target that every router would choose for a connection nobody has an entry for: the usable one with the
    /// highest hash of both (rendezvous), so that a lost target moves only its own. -1 when there is none.
    ///
    /// Weights are not asked for: they change as targets are more or less busy, and with them connections that are there.
    func agreeOn(_ key: ConnectionKey, _ service: Int, usable: borrowing TargetTable) -> Int {
        var best = -1
        var bestWeight: UInt64 = 0
        let connection = key.hash(agreed)
        for at in 0..<Int(turns[service].count) {
            let member = Int(members[Int(turns[service].first) + at].target)
            let weight = agreed(connection, usable.identity(member))
            if usable.isUsable(member) && (best < 0 || weight > bestWeight) {
                best = member
                bestWeight = weight
            }
        }
        return best
    }
}
