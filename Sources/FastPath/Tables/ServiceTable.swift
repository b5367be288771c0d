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
        var method = Steering.Method.weighted
        /// Of a client's affinity; 0: it has none.
        var affinitySeconds: UInt32 = 0
        /// Its places of the Maglev tables; none where another method is asked for.
        var firstPlace = 0
        var placeCount = 0

        var members: Range<Int> { Int(first)..<Int(first &+ count) }
    }

    struct Member: BitwiseCopyable {
        var target: Int32
        /// What it has saved up towards its next turn.
        var credit: Int64
    }

    private(set) var entries: Slab<Entry>
    let entryCount: Int
    private(set) var turns: Slab<Turns>
    var members: Slab<Member>
    let agreed = TableHash(fixed: ())
    let maglev: MaglevTable
    var affinities: AffinityTable

    /// Traps when a service names a DVIPA or a target that is not in the lists, or has no target.
    init(
        _ services: [Service], dvipas: [IPAddress], targets: [Target],
        affinityCapacity: Int = AffinityTable.defaultCapacity
    ) {
        // Of a protocol without ports all packets have port 0.
        func ports(_ service: Service) -> [ClosedRange<UInt16>] { service.ports.isEmpty ? [0...0] : service.ports }
        let places = services.flatMap { service in ports(service).map { (service, $0) } }
        let none = Entry(dvipa: -1, service: -1, firstPort: 1, lastPort: 0, ipProtocol: 0)
        entries = Slab(repeating: none, count: max(places.count, 1))
        entryCount = places.count
        turns = Slab(repeating: Turns(first: 0, count: 0), count: max(services.count, 1))
        members = Slab(
            repeating: Member(target: -1, credit: 0), count: max(services.reduce(0) { $0 + $1.targets.count }, 1))
        let identities = services.map { service in
            service.steering.method == .consistentHash
                ? service.targets.map { name in
                    TargetTable.identity(targets.first { $0.name == name }!.trustedAddress)
                } : []
        }
        maglev = MaglevTable(identities)
        let affinitySeconds = services.map { $0.steering.affinitySeconds ?? 0 }
        affinities = AffinityTable(seconds: affinitySeconds, capacity: affinityCapacity)
        var firstPlace = 0
        var placed = 0
        var firstMember = 0
        for (index, service) in services.enumerated() {
            precondition(!service.targets.isEmpty)
            let dvipa = dvipas.firstIndex(of: service.dvipa)!
            for ports in ports(service) {
                entries[placed] = Entry(
                    dvipa: Int32(dvipa), service: Int32(index), firstPort: ports.lowerBound,
                    lastPort: ports.upperBound, ipProtocol: service.ipProtocol)
                placed += 1
            }
            let placeCount = identities[index].isEmpty ? 0 : MaglevTable.size(for: identities[index].count)
            turns[index] = Turns(
                first: Int32(firstMember), count: Int32(service.targets.count), method: service.steering.method,
                affinitySeconds: affinitySeconds[index], firstPlace: firstPlace, placeCount: placeCount)
            firstPlace += placeCount
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
    ///
    /// - Parameter isWeighted: Without it all have the same weight, but for those that want none while another can.
    mutating func takeTurn(_ service: Int, isWeighted: Bool = true, usable: borrowing TargetTable) -> Int {
        let range = turns[service].members
        func weight(_ at: Int) -> Int64 {
            let weight = Int64(usable.standing(Int(members[at].target)).weight)
            return isWeighted ? weight : min(weight, 1)
        }
        var sum: Int64 = 0
        for at in range where usable.isUsable(Int(members[at].target)) { sum += weight(at) }
        let hasWeights = sum > 0
        if !hasWeights { for at in range where usable.isUsable(Int(members[at].target)) { sum += 1 } }
        var best = -1
        for at in range where usable.isUsable(Int(members[at].target)) {
            let weight = hasWeights ? weight(at) : 1
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
}
