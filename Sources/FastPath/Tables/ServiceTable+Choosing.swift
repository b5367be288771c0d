internal import Associations
internal import Wire

/// The methods by which a service's connections are shared (docs/steering.md). Read only for connections without an entry.
extension ServiceTable {
    /// A target for a connection that begins, or -1 when the service has none.
    mutating func begin(
        _ key: ConnectionKey, _ service: Int, usable: borrowing TargetTable, connections: borrowing ConnectionTable,
        now: UInt32, _ proof: AuthenticationProof
    ) -> Int {
        guard turns[service].affinitySeconds > 0 else {
            return choose(key, service, usable: usable, connections: connections)
        }
        var target = affinities.find(key, service: service, now: now)
        if target < 0 || !usable.isUsable(target) {
            target = choose(key, service, usable: usable, connections: connections)
        }
        if target >= 0 {
            affinities.note(key, service: service, target: target, now: now, proof)
        }
        return target
    }

    private mutating func choose(
        _ key: ConnectionKey, _ service: Int, usable: borrowing TargetTable, connections: borrowing ConnectionTable
    ) -> Int {
        switch turns[service].method {
        case .weighted: takeTurn(service, usable: usable)
        case .roundRobin: takeTurn(service, isWeighted: false, usable: usable)
        case .activeConnections: leastLoaded(service, usable: usable, connections: connections)
        case .hotStandby, .consistentHash: agreeOn(key, service, usable: usable)
        }
    }

    /// The usable target that would have the fewest connections for its weight with one more; of several the one whose
    /// last turn is longest ago. -1 when there is none.
    ///
    /// Counted are all connections of a target, whatever the service: they all are its load.
    mutating func leastLoaded(
        _ service: Int, usable: borrowing TargetTable, connections: borrowing ConnectionTable
    ) -> Int {
        let range = turns[service].members
        var hasWeights = false
        var latest: Int64 = 0
        for at in range {
            if usable.isUsable(Int(members[at].target)), usable.standing(Int(members[at].target)).weight > 0 {
                hasWeights = true
            }
            latest = max(latest, members[at].credit)
        }
        var best = -1
        var bestLoad: (connections: Int, weight: Int) = (0, 1)
        for at in range where usable.isUsable(Int(members[at].target)) {
            let target = Int(members[at].target)
            let weight = hasWeights ? Int(usable.standing(target).weight) : 1
            if weight == 0 { continue }
            let load = (connections: connections.count(of: target) + 1, weight: weight)
            // Compared as fractions, crosswise.
            let (one, other) = (load.connections * bestLoad.weight, bestLoad.connections * load.weight)
            if best < 0 || one < other || one == other && members[at].credit < members[best].credit {
                best = at
                bestLoad = load
            }
        }
        guard best >= 0 else { return -1 }
        // The number of the turn: this method saves nothing up.
        members[best].credit = latest &+ 1
        return Int(members[best].target)
    }

    /// The target that every router would choose for a connection nobody has an entry for, so that a lost target moves only
    /// its own; -1 when there is none. Of a service with affinity the client alone decides.
    ///
    /// Weights are not asked for: they change as targets are more or less busy, and with them connections that are there.
    func agreeOn(_ key: ConnectionKey, _ service: Int, usable: borrowing TargetTable) -> Int {
        let turns = turns[service]
        if turns.method == .hotStandby {
            for at in turns.members where usable.isUsable(Int(members[at].target)) { return Int(members[at].target) }
            return -1
        }
        let connection =
            turns.affinitySeconds > 0 ? agreed(key.remoteLow, key.remoteHigh) : key.hash(agreed)
        if turns.placeCount > 0 {
            let member = maglev.find(connection, first: turns.firstPlace, size: turns.placeCount) {
                usable.isUsable(Int(members[Int(turns.first) + $0].target))
            }
            if member >= 0 { return Int(members[Int(turns.first) + member].target) }
        }
        return agreeOn(connection, turns.members, usable: usable)
    }

    /// Among all targets that serve anything at a DVIPA: for what is for the address and no service. -1 when there is none.
    func agreeOn(_ key: ConnectionKey, dvipa: Int32, usable: borrowing TargetTable) -> Int {
        var best: (target: Int, weight: UInt64) = (-1, 0)
        let connection = key.hash(agreed)
        for index in 0..<entryCount where entries[index].dvipa == dvipa {
            for at in turns[Int(entries[index].service)].members {
                consider(Int(members[at].target), connection, &best, usable)
            }
        }
        return best.target
    }

    /// The usable one with the highest hash of both (rendezvous).
    private func agreeOn(_ connection: UInt64, _ range: Range<Int>, usable: borrowing TargetTable) -> Int {
        var best: (target: Int, weight: UInt64) = (-1, 0)
        for at in range { consider(Int(members[at].target), connection, &best, usable) }
        return best.target
    }

    private func consider(
        _ target: Int, _ connection: UInt64, _ best: inout (target: Int, weight: UInt64),
        _ usable: borrowing TargetTable
    ) {
        let weight = agreed(connection, usable.identity(target))
        if usable.isUsable(target) && (best.target < 0 || weight > best.weight) { best = (target, weight) }
    }
}
