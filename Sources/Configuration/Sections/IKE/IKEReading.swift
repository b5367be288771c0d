internal import Associations
internal import Wire

/// Reads `ike`: what may be listened at, and the connections read so far.
struct IKEReading {
    let gateways: [IPAddress]
    let dvipas: [IPAddress]
    let leasePort: UInt16
    var secrets: Secrets
    var listen: [IPAddress] = []
    var lineOfName: [String: Int] = [:]

    init(gateways: [IPAddress], dvipas: [IPAddress], leasePort: UInt16, secrets: Secrets) {
        self.gateways = gateways
        self.dvipas = dvipas
        self.leasePort = leasePort
        self.secrets = secrets
    }

    mutating func settings(_ entry: Entry) throws(ConfigurationFailure) -> IKESettings {
        let section = try Section(entry, form: .ike, title: "ike")
        listen =
            try section["listen"].map { entry throws(ConfigurationFailure) in try self.listened(entry) }
            ?? (gateways.isEmpty ? dvipas : gateways)
        let maximum = try section["maximumHalfOpen"]?.integer(in: 1...1_000_000) ?? 1000
        let threshold = try section["cookieThreshold"]?.integer(in: 0...1_000_000) ?? min(100, maximum)
        let perAddress = try section["maximumHalfOpenPerAddress"]?.integer(in: 1...1_000_000) ?? min(10, maximum)
        let linkPort = UInt16(try section["linkPort"]?.integer(in: 1...65535) ?? 4511)

        var connections: [IKEConnection] = []
        let connectionsEntry = try section.required("connections")
        for entry in try connectionsEntry.list() { connections.append(try connection(entry)) }
        if connections.isEmpty { throw connectionsEntry.failure("connections is an empty list") }
        return IKESettings(
            listen: listen, cookieThreshold: threshold, maximumHalfOpen: maximum,
            maximumHalfOpenPerAddress: perAddress, linkPort: linkPort, connections: connections)
    }

    private func listened(_ entry: Entry) throws(ConfigurationFailure) -> [IPAddress] {
        try entry.distinctList { entry throws(ConfigurationFailure) in
            let address = try entry.address()
            guard gateways.contains(address) || dvipas.contains(address) else {
                throw entry.failure(
                    "listen holds \(address), which is neither a gateway nor a DVIPA",
                    remedy: "Write one of those, or add it to gateways.")
            }
            return address
        }
    }
}
