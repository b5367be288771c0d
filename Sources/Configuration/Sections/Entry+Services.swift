internal import Associations

/// What a service is, but for who serves it.
extension Entry {
    /// What inside a tunnel is read on the way to a transport protocol, or is no protocol of a service's: a fragment,
    /// IPv6's extension headers, nothing. ICMP is the address's own.
    private static let noServices: [UInt8: String] = [
        1: "icmp needs no service: echo requests are answered, and errors go to the connection they are about",
        58: "icmpv6 needs no service: echo requests are answered, and errors go to the connection they are about",
        0: "0 is an extension header of IPv6", 43: "43 is an extension header of IPv6",
        44: "44 is an extension header of IPv6", 59: "59 says that nothing follows",
        60: "60 is an extension header of IPv6", 135: "135 is an extension header of IPv6",
    ]

    /// A protocol that can be a service, by its name or number.
    func serviceProtocol() throws(ConfigurationFailure) -> UInt8 {
        let text = try scalar() ?? ""
        let names = TransportProtocol.names.map(\.name)
        let number: UInt8
        if text.first?.isNumber == true {
            number = UInt8(try integer(in: 0...255))
        } else if let named = TransportProtocol.names.first(where: { $0.name == text }) {
            number = named.number
        } else if let icmp = ["icmp": UInt8(1), "icmpv6": 58][text] {
            number = icmp
        } else {
            let remedy = Spelling.nearest(to: text, among: names).map { "Write \(name): \($0)." }
            let wanted = "tcp, udp, a number or one of \(names.dropFirst(2).joined(separator: ", "))"
            guard !text.isEmpty else { throw failure(wanted: wanted) }
            throw failure("\(name) is \(quoted(text)); \(wanted) is wanted", remedy: remedy)
        }
        if let why = Self.noServices[number] {
            throw failure(why, remedy: "Remove this service, or write protocol: udp.")
        }
        return number
    }

    /// How a service's connections are shared.
    func steering() throws(ConfigurationFailure) -> Steering {
        let section = try Section(self, form: .steering, title: "steering")
        var steering = Steering()
        if let entry = section["method"] {
            steering.method = try entry.word([
                "round-robin": .roundRobin, "weighted": .weighted, "active-connections": .activeConnections,
                "hot-standby": .hotStandby, "consistent-hash": .consistentHash,
            ])
        }
        if let entry = section["affinity"] {
            steering.affinitySeconds = UInt32(
                try entry.integer(
                    in: Steering.affinityRange, rangeText: "1 to \(Steering.affinityRange.upperBound) seconds"))
        }
        return steering
    }
}

extension Section {
    /// The ports of a service of a protocol, which has them or not.
    func servicePorts(of number: UInt8) throws(ConfigurationFailure) -> [ClosedRange<UInt16>] {
        if TransportProtocol.hasPorts(number) { return try required("ports").ports(in: 1...65535) }
        guard let entry = self["ports"] else { return [] }
        throw entry.document.failure(
            at: entry.keyPlace, "ports is there, but \(TransportProtocol.name(of: number)) has none",
            "Remove ports: the service is the whole protocol.")
    }
}
