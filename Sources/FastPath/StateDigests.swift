internal import Associations

/// Everything that a packet may change in a router or a host, for the tests of what it must not: tables by name, each as numbers
/// that differ when a byte of it does.
///
/// Left out by name, since unverified packets do change them: the counters of verdicts, where the walks of aging stand, and
/// the clock; of a router the reassembler of outer fragments, which nobody can verify (docs/fragments.md), and the errors that
/// it hands on; of a host the number of the last probe, what its filter counts of packets in clear and, after `tooBigHeeded`, a
/// path MTU (docs/mtu.md).
extension Router {
    func stateDigests() -> [String: [Int]] {
        [
            "associations": [associations.records.digest()], "windows": [associations.windows.digest],
            "connections": connections.digests + [connections.count, connections.formerCount],
            "turns": [services.turns.digest()], "affinities": [services.affinities.digest],
            "first fragments": [firstFragments.digest],
            "filter": (filter.tallies ?? []).map { Int(truncatingIfNeeded: $0.packets) },
        ]
    }
}

extension Host {
    func stateDigests() -> [String: [Int]] {
        [
            "inbound": [inbound.records.digest()], "windows": [inbound.windows.digest],
            "outbound": [outbound.records.digest()], "connections": connections.digests,
            "first fragments": [firstFragments.digest], "sent numbers": [sentNumbers.digest],
            "filter": (filter.tallies ?? []).map { Int(truncatingIfNeeded: $0.packets) },
            "epoch": [Int(epoch.rawValue)],
        ]
    }
}
