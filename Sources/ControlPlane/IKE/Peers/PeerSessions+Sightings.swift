public import Associations

/// Peers behind a NAT that has given them another port, as their ESP packets show (docs/nat.md).
extension PeerSessions {
    /// By whoever verifies: the router's own packet path, or the targets. Of sightings of one SA the one with the highest
    /// number counts, in whatever order they come.
    public mutating func sighted(
        _ sightings: [PeerSighting], at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        var effects: [Effect] = []
        for sighting in sightings {
            guard let id = inboundOwners[sighting.spi],
                let spis = entries[id]?.children.keys.first(where: { $0.inbound == sighting.spi }),
                entries[id]!.children[spis]!.sightedNumber < sighting.number
            else { continue }
            entries[id]!.children[spis]!.sightedNumber = sighting.number
            effects += follow(id, to: SocketAddress(address: sighting.address, port: sighting.port), at: now, &random)
        }
        return effects
    }

    private mutating func follow(
        _ id: ID, to remote: SocketAddress, at now: UInt64, _ random: inout some IKERandomness
    ) -> [Effect] {
        guard entries[id]!.pending == nil else {
            entries[id]!.sightedAt = remote
            return []
        }
        let actions = entries[id]!.session.sighted(at: remote)
        guard !actions.isEmpty else { return [] }
        count(.followed)
        let line = log(id, "its NAT has given it another way: by its ESP it is at \(remote) now", at: now)
        return line + perform(actions, of: id, at: now, using: &random)
    }

    /// What was put off while a session was behind a barrier.
    mutating func followLater(_ id: ID, at now: UInt64, using random: inout some IKERandomness) -> [Effect] {
        guard let remote = entries[id]?.sightedAt, entries[id]!.pending == nil else { return [] }
        entries[id]!.sightedAt = nil
        return follow(id, to: remote, at: now, &random)
    }
}
