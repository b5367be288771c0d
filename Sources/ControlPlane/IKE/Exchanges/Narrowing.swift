internal import Associations
internal import Wire

/// Traffic selectors of an offer, narrowed to what the policy has (RFC 7296 §2.9).
enum Narrowing {
    /// What an SA may carry that was offered `offeredLocal` (our side) and `offeredRemote`; nil when nothing is left.
    /// When the whole overlap has no form that an SA can say, it is the first overlap on each side.
    static func narrow(
        local offeredLocal: [TrafficSelector], remote offeredRemote: [TrafficSelector], to policy: TrafficSelectors
    ) -> TrafficSelectors? {
        let local = overlap(offeredLocal, policy.payload(.local).selectors)
        let remote = overlap(offeredRemote, policy.payload(.remote).selectors)
        if let whole = TrafficSelectors(local: local, remote: remote) { return whole }
        for here in local {
            for there in remote {
                // A protocol that one side leaves open is the other side's.
                guard let both = common(here.ipProtocol, there.ipProtocol) else { continue }
                let pair = [here, there].map { TrafficSelector($0.addresses, ipProtocol: both, ports: $0.ports) }
                if let narrowed = TrafficSelectors(local: [pair[0]], remote: [pair[1]]) { return narrowed }
            }
        }
        return nil
    }

    /// Every pair's intersection, without those inside of another.
    private static func overlap(_ offered: [TrafficSelector], _ own: [TrafficSelector]) -> [TrafficSelector] {
        var kept: [TrafficSelector] = []
        for offer in offered {
            for mine in own {
                guard let common = intersection(offer, mine),
                    !kept.contains(where: { intersection($0, common) == common })
                else { continue }
                kept.removeAll { intersection($0, common) == $0 }
                kept.append(common)
                // What is left out was not agreed.
                if kept.count == MessageBounds.narrowedSelectors { return kept }
            }
        }
        return kept
    }

    private static func intersection(_ a: TrafficSelector, _ b: TrafficSelector) -> TrafficSelector? {
        guard a.addresses.first.isV4 == b.addresses.first.isV4, let ipProtocol = common(a.ipProtocol, b.ipProtocol),
            case .range(let portsA) = a.ports, case .range(let portsB) = b.ports, portsA.overlaps(portsB)
        else { return nil }
        let first = max(a.addresses.first, b.addresses.first)
        let last = min(a.addresses.last, b.addresses.last)
        guard first <= last else { return nil }
        return TrafficSelector(
            AddressRange(first: first, last: last), ipProtocol: ipProtocol,
            ports: .range(portsA.clamped(to: portsB)))
    }

    private static func common(_ a: UInt8, _ b: UInt8) -> UInt8? { a == b || b == 0 ? a : a == 0 ? b : nil }
}
