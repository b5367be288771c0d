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

    /// By one target: what it has sent under outbound SAs since it got them, cumulative; a target that was started anew
    /// begins at 0 again, and what it had sent before stays counted.
    public mutating func sent(
        _ usage: [AssociationUsage], by holder: HolderID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        var effects: [Effect] = []
        for part in usage {
            guard let id = outboundOwners[part.spi],
                let spis = entries[id]?.children.keys.first(where: { $0.outbound == part.spi }),
                entries[id]!.children[spis]!.sent[holder]?.latest != part, part.packets > 0,
                entries[id]!.pending == nil
            else { continue }
            entries[id]!.children[spis]!.sent[holder, default: SentParts(part.spi)].take(part)
            effects += account(spis, of: id, at: now, using: &random)
        }
        return effects
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

/// What one target has sent under one SA, all its processes together.
struct SentParts: Sendable {
    private(set) var latest: AssociationUsage
    private var packetsBefore: UInt64 = 0
    private var bytesBefore: UInt64 = 0

    init(_ spi: SPI) { latest = .none(spi, .outbound) }

    mutating func take(_ part: AssociationUsage) {
        if part.packets < latest.packets {
            packetsBefore += latest.packets
            bytesBefore += latest.bytes
        }
        latest = part
    }

    var packets: UInt64 { packetsBefore + latest.packets }
    var bytes: UInt64 { bytesBefore + latest.bytes }
}

extension AssociationUsage {
    static func none(_ spi: SPI, _ direction: Direction) -> AssociationUsage {
        AssociationUsage(spi: spi, direction: direction, packets: 0, bytes: 0)
    }
}

extension PeerSessions.Child {
    var usage: ChildUsage {
        var usage = ChildUsage()
        usage.inboundPackets = received.packets
        usage.inboundBytes = received.bytes
        usage.outboundPackets = sent.values.reduce(0) { $0 + $1.packets }
        usage.outboundBytes = sent.values.reduce(0) { $0 + $1.bytes }
        usage.sequenceNumber = grantedEnd - 1
        return usage
    }
}
