internal import Associations

extension RouterReport {
    /// What all workers of a router report, as one router's: counters added, lists joined. A packet that was handed over is in it
    /// twice, as `handedOver` and by what its owner made of it. Traps when there is none.
    init(merging reports: [RouterReport]) {
        self = reports[0]
        workers = reports.flatMap(\.workers)
        for other in reports.dropFirst() {
            verdicts.merge(other.verdicts, uniquingKeysWith: &+)
            for (index, target) in other.targets.enumerated() {
                guard targets.indices.contains(index) else {
                    targets.append(target)
                    continue
                }
                targets[index].packets &+= target.packets
                targets[index].bytes &+= target.bytes
                targets[index].connections += target.connections
                targets[index].connectionsMade &+= target.connectionsMade
                targets[index].relayed &+= target.relayed
            }
            portStatistics.merge(other.portStatistics, uniquingKeysWith: &+)
            // The same publication is refused by all.
            refusals += other.refusals.filter { !refusals.contains($0) }
            probes.merge(other.probes, uniquingKeysWith: &+)
            tooBigCopies.merge(other.tooBigCopies, uniquingKeysWith: &+)
            // Only an SA's owner has counted anything under it.
            received += other.received
            halfOpen += other.halfOpen
            affinities += other.affinities
            omittedAffinities &+= other.omittedAffinities
            fragmented.merge(other.fragmented, uniquingKeysWith: &+)
            if let tallies = other.filter {
                filter =
                    filter.map { known in
                        zip(known, tallies).map {
                            FilterTally(rule: $0.rule, action: $0.action, packets: $0.packets &+ $1.packets)
                        }
                    } ?? tallies
            }
        }
    }
}
