internal import Associations
internal import Wire

extension Entry {
    func trafficSelectors() throws(ConfigurationFailure) -> TrafficSelectors {
        try Section(self, form: .selectors, title: "selectors").trafficSelectors()
    }
}

extension Section {
    /// Of the keys of `Form.selectors`, which the section's form has too.
    func trafficSelectors() throws(ConfigurationFailure) -> TrafficSelectors {
        let remote = try required("remote").networks()
        let local = try required("local").networks()
        let ipProtocol = try self["protocol"].map { entry throws(ConfigurationFailure) in try entry.ipProtocol() }
        var ports: [String: [ClosedRange<UInt16>]] = [:]
        for key in ["remotePorts", "localPorts"] {
            guard let entry = self[key] else { continue }
            guard let ipProtocol, TransportProtocol.hasPorts(ipProtocol) else {
                throw entry.document.failure(
                    at: entry.keyPlace, "\(key) is there, but no protocol that has ports",
                    "Write protocol: tcp, or remove \(key).")
            }
            ports[key] = try entry.ports(in: 0...65535)
        }
        return TrafficSelectors(
            remote: remote, local: local, ipProtocol: ipProtocol, remotePorts: ports["remotePorts"] ?? [],
            localPorts: ports["localPorts"] ?? [])
    }
}

extension Entry {
    fileprivate func networks() throws(ConfigurationFailure) -> [AddressRange] {
        try distinctList { entry throws(ConfigurationFailure) in try entry.addressRange() }
    }

    func ipProtocol() throws(ConfigurationFailure) -> UInt8 {
        if let text = try scalar(), text.first?.isNumber == true { return UInt8(try integer(in: 1...255)) }
        return try word(["tcp": 6, "udp": 17, "icmp": 1], or: "a number")
    }

    /// A packet has both its addresses of one family.
    func requireOneFamily(of selectors: TrafficSelectors) throws(ConfigurationFailure) {
        let local = Set(selectors.local.map(\.first.isV4))
        guard local.isDisjoint(with: selectors.remote.map(\.first.isV4)) else { return }
        throw failure(
            "the selectors' remote and local are of two families, and no packet is",
            remedy: "Write networks of one family, or of both in remote and local.")
    }

    /// In transport mode the outer addresses are the ones that the selectors are held against (RFC 4301 §5.2).
    func requireOuterAddresses(
        of selectors: TrafficSelectors, dvipa: IPAddress, peer: IPAddress
    ) throws(ConfigurationFailure) {
        guard selectors.local.contains(where: { $0.holds(dvipa) }) else {
            throw failure(
                "in transport mode the selectors' local must hold the DVIPA, \(dvipa)",
                remedy: "Write local: [\(dvipa)].")
        }
        guard selectors.remote.contains(where: { $0.holds(peer) }) else {
            throw failure(
                "in transport mode the selectors' remote must hold the peer, \(peer)",
                remedy: "Write remote: [\(peer)].")
        }
    }
}

extension AddressRange {
    /// Whether an address of the range's family lies in it: IPv4's lie within the range of all of IPv6, and are none of it.
    func holds(_ address: IPAddress) -> Bool { first.isV4 == address.isV4 && contains(address) }
}
