internal import Associations
internal import Wire

/// Reads `ike`: what may be listened at, and what no two connections may share.
struct IKEReading {
    /// Nobody writes so many by hand, and a peer's first message may be compared with each.
    static let connectionsLimit = 1024
    /// Each has sockets of its own.
    static let listenLimit = 256

    let gateways: [IPAddress]
    let dvipas: [IPAddress]
    var secrets: Secrets
    /// Filled before the first connection is read.
    var listen: [IPAddress] = []
    var lineOfName: [String: Int] = [:]
    var nameOfPeers: [Peers: String] = [:]
    let ours: Set<IPAddress>
    let isDVIPA: Set<IPAddress>
    /// So that many connections can ask which of many DVIPAs they touch.
    let sortedDVIPAs: [IPAddress]

    init(gateways: [IPAddress], dvipas: [IPAddress], secrets: Secrets) {
        self.gateways = gateways
        self.dvipas = dvipas
        self.secrets = secrets
        ours = Set(gateways + dvipas)
        isDVIPA = Set(dvipas)
        sortedDVIPAs = dvipas.sorted()
    }

    mutating func settings(_ entry: Entry) throws(ConfigurationFailure) -> IKESettings {
        let section = try Section(entry, form: .ike, title: "ike")
        listen = try listened(section)
        let bounds = try HalfOpenBounds(section)
        var connections: [IKEConnection] = []
        let connectionsEntry = try section.required("connections")
        for entry in try connectionsEntry.list() {
            guard connections.count < Self.connectionsLimit else {
                throw entry.failure(
                    "connections holds more than \(Self.connectionsLimit)",
                    remedy: "Put peers that may have the same into one, with a wider remote.")
            }
            connections.append(try connection(entry))
        }
        if connections.isEmpty { throw connectionsEntry.failure("connections is an empty list") }
        return IKESettings(
            listen: listen, cookieThreshold: bounds.cookieThreshold, maximumHalfOpen: bounds.maximum,
            maximumHalfOpenPerAddress: bounds.maximumPerAddress,
            connections: secrets.need.hasCredentials ? connections : [])
    }

    private func listened(_ section: Section) throws(ConfigurationFailure) -> [IPAddress] {
        let addresses: [IPAddress]
        if let entry = section["listen"] {
            addresses = try entry.distinctList { entry throws(ConfigurationFailure) in
                let address = try entry.address()
                guard ours.contains(address) else {
                    throw entry.failure(
                        "listen holds \(address), which is neither a gateway nor a DVIPA",
                        remedy: "Write one of those, or add it to gateways.")
                }
                return address
            }
        } else {
            addresses = gateways.isEmpty ? dvipas : gateways
        }
        guard addresses.count <= Self.listenLimit else {
            throw section.failure(
                "ike would listen at \(addresses.count) addresses; \(Self.listenLimit) is the most",
                remedy: "Write listen: with those that peers are told.")
        }
        return addresses
    }
}

/// What no two connections may share: a peer would have to be told apart by nothing.
struct Peers: Hashable {
    let local: IPAddress?
    let remote: AddressRange?
    let localID: String
    let remoteID: String?
}

/// How many half-open IKE SAs there may be.
struct HalfOpenBounds {
    let cookieThreshold: Int
    let maximum: Int
    let maximumPerAddress: Int

    private static let range = 1_000_000

    init(_ section: Section) throws(ConfigurationFailure) {
        maximum = try section["maximumHalfOpen"]?.integer(in: 1...Self.range) ?? 1000
        cookieThreshold = try section["cookieThreshold"]?.integer(in: 0...Self.range) ?? min(100, maximum)
        maximumPerAddress = try section["maximumHalfOpenPerAddress"]?.integer(in: 1...Self.range) ?? min(10, maximum)
        if cookieThreshold > maximum {
            throw try section.required("cookieThreshold").failure(
                "cookieThreshold is \(cookieThreshold), more than maximumHalfOpen, \(maximum): no cookie would be asked for",
                remedy: "Write cookieThreshold: \(min(100, maximum)), or a larger maximumHalfOpen.")
        }
        if maximumPerAddress > maximum {
            throw try section.required("maximumHalfOpenPerAddress").failure(
                "maximumHalfOpenPerAddress is \(maximumPerAddress), more than maximumHalfOpen, \(maximum)",
                remedy: "Write maximumHalfOpenPerAddress: \(min(10, maximum)), or a larger maximumHalfOpen.")
        }
    }
}
