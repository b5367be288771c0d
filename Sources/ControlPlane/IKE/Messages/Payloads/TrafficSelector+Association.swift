public import Associations
internal import Wire

/// From the selectors of an SA to those of a negotiation, and back.
extension TrafficSelectors {
    /// What a TS payload says of our side, or of the peer's: every range of addresses with every range of ports.
    /// Traps when that makes more than `MessageBounds.trafficSelectors`.
    public func payload(_ side: Side) -> TrafficSelectorPayload {
        let addresses = side == .local ? local : remote
        let ports = side == .local ? localPorts : remotePorts
        let portRanges = ports.isEmpty ? [.any] : ports.map { TrafficSelector.Ports.range($0) }
        return TrafficSelectorPayload(
            addresses.flatMap { range in
                portRanges.map { TrafficSelector(range, ipProtocol: ipProtocol ?? 0, ports: $0) }
            })
    }

    public enum Side: Sendable { case local, remote }

    /// The SA's selectors, where a negotiation came to `local` and `remote`; nil when an SA's form cannot say it: more
    /// than one protocol, opaque ports, ports that differ from one range of addresses to the other, nothing at all.
    public init?(local: [TrafficSelector], remote: [TrafficSelector]) {
        guard let first = local.first, (local + remote).allSatisfy({ $0.ipProtocol == first.ipProtocol }),
            let localParts = Self.parts(of: local), let remoteParts = Self.parts(of: remote)
        else { return nil }
        self.init(
            remote: remoteParts.addresses, local: localParts.addresses,
            ipProtocol: first.ipProtocol == 0 ? nil : first.ipProtocol,
            remotePorts: remoteParts.ports, localPorts: localParts.ports)
    }

    private static func parts(
        of selectors: [TrafficSelector]
    ) -> (addresses: [AddressRange], ports: [ClosedRange<UInt16>])? {
        var addresses: [AddressRange] = []
        var ports: [ClosedRange<UInt16>] = []
        for selector in selectors {
            guard case .range(let range) = selector.ports else { return nil }
            if !addresses.contains(selector.addresses) { addresses.append(selector.addresses) }
            if !ports.contains(range) { ports.append(range) }
        }
        // Each of the pairs must be there, or the SA would take more than was agreed.
        let pairs = Set(selectors)
        guard !selectors.isEmpty, pairs.count == addresses.count * ports.count else { return nil }
        return (addresses, ports.contains(0...65535) ? [] : ports)
    }
}
