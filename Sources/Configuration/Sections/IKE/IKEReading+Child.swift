internal import Associations
internal import Wire

extension IKEReading {
    /// Of one end; as many as a Traffic Selector payload of ours holds.
    private static var selectorsLimit: Int { 16 }

    func child(
        _ entry: Entry, title: String, local: IPAddress?, remote: AddressRange?
    ) throws(ConfigurationFailure) -> IKEChild {
        let section = try Section(entry, form: .child, title: "child of \(title)")
        let mode = try section.required("mode").mode()
        let selectors = try section.trafficSelectors()
        try requireFew(selectors.local, "local", selectors.localPorts, section)
        try requireFew(selectors.remote, "remote", selectors.remotePorts, section)
        try requireDVIPA(in: selectors, section)
        if mode == .transport { try requireOuterAddresses(of: selectors, section, local: local, remote: remote) }
        let range = SecurityAssociation.replayWindowRange
        return IKEChild(
            mode: mode,
            proposals: try section["proposals"]?.proposals() ?? [],
            selectors: selectors,
            replayWindow: try section["replayWindow"]?.integer(in: range) ?? 128,
            peerReplayWindow: try section["peerReplayWindow"]?.integer(in: range) ?? 32,
            rekeySeconds: try section["rekeySeconds"]?.seconds() ?? 3600,
            rekeyBytes: try section["rekeyBytes"]?.integer(in: 0...Int.max) ?? 0,
            rekeyPackets: try section["rekeyPackets"]?.integer(in: 0...Int.max) ?? 0,
            isPerTarget: try section["perTarget"]?.word(["auto": true, "never": false]) ?? true)
    }

    private func requireFew(
        _ addresses: [AddressRange], _ key: String, _ ports: [ClosedRange<UInt16>], _ section: Section
    ) throws(ConfigurationFailure) {
        let count = addresses.count * max(1, ports.count)
        guard count <= Self.selectorsLimit else {
            throw try section.required(key).failure(
                "\(key) and \(key)Ports make \(count) traffic selectors; \(Self.selectorsLimit) is the most",
                remedy: "Write fewer and wider ranges.")
        }
    }

    /// Otherwise nothing could be served through the SA.
    private func requireDVIPA(in selectors: TrafficSelectors, _ section: Section) throws(ConfigurationFailure) {
        guard !selectors.local.contains(where: holdsDVIPA) else { return }
        throw try section.required("local").failure(
            "local holds no DVIPA, so nothing could be served", remedy: "Write local: [\(dvipas[0])].")
    }

    private func holdsDVIPA(_ range: AddressRange) -> Bool {
        var (low, high) = (0, sortedDVIPAs.count)
        while low < high {
            let middle = (low + high) / 2
            if sortedDVIPAs[middle] < range.first { low = middle + 1 } else { high = middle }
        }
        return low < sortedDVIPAs.count && sortedDVIPAs[low] <= range.last
    }

    /// In transport mode the outer addresses are the ones that the selectors are held against (RFC 4301 §5.2).
    private func requireOuterAddresses(
        of selectors: TrafficSelectors, _ section: Section, local: IPAddress?, remote: AddressRange?
    ) throws(ConfigurationFailure) {
        for address in local.map({ [$0] }) ?? listen {
            guard isDVIPA.contains(address) else {
                throw try section.required("mode").failure(
                    "mode is transport, but \(address), where IKE is spoken, is not a DVIPA",
                    remedy: "Write mode: tunnel, or local: with a DVIPA in the connection.")
            }
            guard selectors.local.contains(where: { $0.holds(address) }) else {
                throw try section.required("local").failure(
                    "in transport mode local must hold the DVIPA, \(address)", remedy: "Write local: [\(address)].")
            }
        }
        guard let remote, !selectors.remote.contains(where: { $0.first <= remote.last && remote.first <= $0.last })
        else { return }
        throw try section.required("remote").failure(
            "in transport mode remote must hold the peer, \(remote)", remedy: "Write remote: [\(remote)].")
    }
}
