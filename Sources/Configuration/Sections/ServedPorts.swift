internal import Associations
internal import Wire

/// The DVIPAs and services read so far: no address twice, and no port of an address served by two services.
struct ServedPorts {
    private(set) var dvipas: [IPAddress] = []
    private(set) var services: [Service] = []
    private let nodes: [Node]

    init(nodes: [Node]) { self.nodes = nodes }

    mutating func read(dvipa entry: Entry) throws(ConfigurationFailure) {
        let section = try Section(entry, form: .dvipa, title: "a DVIPA")
        let addressEntry = try section.required("address")
        let address = try addressEntry.address()
        guard !dvipas.contains(address) else {
            throw addressEntry.failure("\(address) is a DVIPA already", remedy: "Put all its services under one address.")
        }
        dvipas.append(address)
        for service in try section.required("services").list() { try read(service: service, at: address) }
    }

    private mutating func read(service entry: Entry, at dvipa: IPAddress) throws(ConfigurationFailure) {
        let section = try Section(entry, form: .service, title: "a service of \(dvipa)")
        let (protocolName, number) = try section.required("protocol").word(["tcp": ("tcp", UInt8(6)), "udp": ("udp", 17)])
        let portsEntry = try section.required("ports")
        let ports = try portsEntry.ports(in: 1...65535)
        for other in services where other.dvipa == dvipa && other.ipProtocol == number {
            for port in ports {
                guard let taken = other.ports.first(where: { $0.overlaps(port) }) else { continue }
                throw portsEntry.failure(
                    "port \(max(taken.lowerBound, port.lowerBound)) of \(dvipa) is served by \(quoted(other.name)) already",
                    remedy: "Name each port in one service only.")
            }
        }
        let portList = ports.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        let name = try section["name"]?.text(limit: 64) ?? "\(dvipa)/\(protocolName)/\(portList.joined(separator: ","))"
        if services.contains(where: { $0.dvipa == dvipa && $0.name == name }), let nameEntry = section["name"] {
            throw nameEntry.failure(
                "\(dvipa) has a service \(quoted(name)) already", remedy: "Give each service of a DVIPA a name of its own.")
        }
        services.append(
            Service(name: name, dvipa: dvipa, ipProtocol: number, ports: ports, targets: try targets(in: section, of: name)))
    }

    private func targets(in section: Section, of service: String) throws(ConfigurationFailure) -> [String] {
        if let entry = section["targets"] {
            return try entry.distinctList { entry throws(ConfigurationFailure) in try entry.node(of: "target", in: nodes) }
        }
        let all = nodes.filter { $0.role.name == "target" }.map(\.name)
        if all.isEmpty {
            throw try section.required("ports").failure(
                "service \(quoted(service)) has no target to serve it", remedy: "Add a node of role target to nodes.")
        }
        return all
    }
}

extension Entry {
    /// The name of a node that there is and that has that role.
    func node(of role: String, in nodes: [Node]) throws(ConfigurationFailure) -> String {
        guard let text = try scalar() else { throw failure(wanted: "the name of a node of role \(role)") }
        let candidates = nodes.filter { $0.role.name == role }.map(\.name)
        if candidates.contains(text) { return text }
        let problem =
            nodes.first { $0.name == text }.map { "\(quoted(text)) is a node of role \($0.role.name), not \(role)" }
            ?? "there is no node \(quoted(text))"
        let nearest = Spelling.nearest(to: text, among: candidates).map { "Did you mean \(quoted($0))? " } ?? ""
        let known =
            candidates.isEmpty
            ? "Add a node of role \(role) to nodes." : "Nodes of role \(role) are \(candidates.joined(separator: ", "))."
        throw failure(problem, remedy: nearest + known)
    }
}
