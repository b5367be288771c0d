internal import Associations
internal import Wire

/// The DVIPAs and services read so far: no address twice, and no port of an address served by two services.
struct ServedPorts {
    /// Each service is compared with the others of its DVIPA; nobody writes so many by hand.
    static let servicesPerDVIPALimit = 1024

    private(set) var dvipas: [IPAddress] = []
    private(set) var services: [Service] = []
    private var seen: Set<IPAddress> = []
    private let members: Members

    init(members: Members) { self.members = members }

    mutating func read(dvipa entry: Entry) throws(ConfigurationFailure) {
        let section = try Section(entry, form: .dvipa, title: "a DVIPA")
        let addressEntry = try section.required("address")
        let address = try addressEntry.address()
        guard seen.insert(address).inserted else {
            throw addressEntry.failure(
                "\(address) is a DVIPA already", remedy: "Put all its services under one address.")
        }
        dvipas.append(address)
        let servicesEntry = try section.required("services")
        var ofThisDVIPA: [Service] = []
        for entry in try servicesEntry.list() {
            ofThisDVIPA.append(try service(entry, at: address, beside: ofThisDVIPA))
            if ofThisDVIPA.count > Self.servicesPerDVIPALimit {
                throw entry.failure(
                    "\(address) has more than \(Self.servicesPerDVIPALimit) services",
                    remedy: "Put ports of the same targets into one service.")
            }
        }
        services += ofThisDVIPA
    }

    private func service(
        _ entry: Entry, at dvipa: IPAddress, beside others: [Service]
    ) throws(ConfigurationFailure) -> Service {
        let section = try Section(entry, form: .service, title: "a service of \(dvipa)")
        let protocolEntry = try section.required("protocol")
        let number = try protocolEntry.serviceProtocol()
        let protocolName = TransportProtocol.name(of: number)
        let ports = try section.servicePorts(of: number)
        let portsEntry = section["ports"] ?? protocolEntry
        for other in others where other.ipProtocol == number {
            if ports.isEmpty {
                throw protocolEntry.failure(
                    "\(protocolName) of \(dvipa) is served by \(quoted(other.name)) already",
                    remedy: "Put all its targets into one service.")
            }
            for port in ports {
                guard let taken = other.ports.first(where: { $0.overlaps(port) }) else { continue }
                let number = max(taken.lowerBound, port.lowerBound)
                throw portsEntry.failure(
                    "port \(number) of \(dvipa) is served by \(quoted(other.name)) already",
                    remedy: "Name each port in one service only.")
            }
        }
        let portList = ports.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        let name =
            try section["name"]?.text(limit: 64)
            ?? "\(dvipa)/\(protocolName)" + (ports.isEmpty ? "" : "/\(portList.joined(separator: ","))")
        if others.contains(where: { $0.name == name }) {
            throw (section["name"] ?? entry).failure(
                "\(dvipa) has a service \(quoted(name)) already",
                remedy: "Give each service of a DVIPA a name of its own.")
        }
        return Service(
            name: name, dvipa: dvipa, ipProtocol: number, ports: ports, targets: try targets(in: section, of: name),
            steering: try section["steering"]?.steering() ?? Steering())
    }

    private func targets(in section: Section, of service: String) throws(ConfigurationFailure) -> [String] {
        if let entry = section["targets"] {
            return try entry.distinctList { entry throws(ConfigurationFailure) in try members.target(entry) }
        }
        if members.targets.isEmpty {
            throw try section.required("protocol").failure(
                "service \(quoted(service)) has no target to serve it", remedy: "Add a node of role target to nodes.")
        }
        return members.targets
    }
}
