public import Associations

/// What the SAs have carried, as router and targets report it.
extension PeerSessions {
    /// By the router's own packet path: all that came under inbound SAs, cumulative.
    public mutating func received(
        _ usage: [AssociationUsage], at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        var effects: [Effect] = []
        for part in usage {
            guard let id = inboundOwners[part.spi],
                let spis = entries[id]?.children.keys.first(where: { $0.inbound == part.spi }),
                entries[id]!.children[spis]!.received != part, entries[id]!.pending == nil
            else { continue }
            entries[id]!.children[spis]!.received = part
            effects += account(spis, of: id, at: now, using: &random)
        }
        return effects
    }

    /// By the lifecounts of all targets together, in either direction (docs/lifecounts.md); only grows.
    public mutating func used(
        _ total: AssociationUsage, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        let key = ShadowEntry.Key(spi: total.spi, direction: total.direction)
        guard let (id, spis) = owner(of: key) else { return [] }
        // Kept also behind a barrier; the session hears of it with the next report.
        switch total.direction {
        case .outbound: entries[id]!.children[spis]!.sent = total
        case .inbound: entries[id]!.children[spis]!.opened = total
        }
        return account(spis, of: id, at: now, using: &random)
    }

    /// Whose Child SA it is a half of.
    private func owner(of key: ShadowEntry.Key) -> (ID, ChildSPIs)? {
        let id = key.direction == .inbound ? inboundOwners[key.spi] : outboundOwners[key.spi]
        guard let id, let entry = entries[id],
            let spis = entry.children.keys.first(where: {
                (key.direction == .inbound ? $0.inbound : $0.outbound) == key.spi
            })
        else { return nil }
        return (id, spis)
    }

    /// What limits an SA that was published, and the connection that it is of; nil for one that is not of a session.
    public func lifetimes(of key: ShadowEntry.Key) -> (connection: String, lifetimes: SessionPolicy.Lifetimes)? {
        guard let (id, _) = owner(of: key) else { return nil }
        let policy = connections[entries[id]!.connection].policy
        return (policy.name, policy.lifetimes)
    }

    /// By the sequencers: the number behind the highest that was given out, by outbound SA, where it has changed.
    public mutating func granted(
        _ ends: [SPI: UInt64], at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        var effects: [Effect] = []
        for (spi, end) in ends {
            guard let id = outboundOwners[spi],
                let spis = entries[id]?.children.keys.first(where: { $0.outbound == spi }),
                entries[id]!.children[spis]!.grantedEnd != end
            else { continue }
            // Kept also behind a barrier, as nobody says it twice; the session hears of it with the next report.
            entries[id]!.children[spis]!.grantedEnd = end
            effects += account(spis, of: id, at: now, using: &random)
        }
        return effects
    }

    /// Tells the session, which knows its limits.
    private mutating func account(
        _ spis: ChildSPIs, of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard let child = entries[id]?.children[spis], entries[id]!.pending == nil else { return [] }
        return perform(
            entries[id]!.session.used(spis, child.usage, at: now, using: &random), of: id, at: now, using: &random)
    }
}

extension AssociationUsage {
    static func none(_ spi: SPI, _ direction: Direction) -> AssociationUsage {
        AssociationUsage(spi: spi, direction: direction, packets: 0, bytes: 0)
    }
}

extension PeerSessions.Child {
    var usage: ChildUsage {
        var usage = ChildUsage()
        usage.inboundPackets = max(received.packets, opened.packets)
        usage.inboundBytes = max(received.bytes, opened.bytes)
        usage.outboundPackets = sent.packets
        usage.outboundBytes = sent.bytes
        usage.sequenceNumber = grantedEnd - 1
        return usage
    }
}
