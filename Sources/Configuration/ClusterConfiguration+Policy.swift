internal import Associations
internal import Wire

extension ClusterConfiguration {
    /// What all members must agree on, as text of one form whatever the file's order of keys or its way of writing numbers:
    /// who is in the cluster, what it serves, and how. Not in it are secrets, paths, and what a node has for itself. Its
    /// SHA-256 is the policy hash, which a member says before it gets an SA.
    public var policyText: String {
        var lines = ["viaduct policy 1", "cluster \(Self.escaped(name))"]
        lines += dvipas.sorted().map { "dvipa \($0)" }
        lines += gateways.sorted().map { "gateway \($0)" }
        lines += targets.map { "target \(Self.escaped($0.name)) \($0.trustedAddress)" }.sorted()
        let ordered = services.sorted { ($0.dvipa, $0.name) < ($1.dvipa, $1.name) }
        for service in ordered {
            let ports = service.ports.sorted { $0.lowerBound < $1.lowerBound }.map {
                "\($0.lowerBound)-\($0.upperBound)"
            }
            // In the order of the file, which is that of their turns.
            let targets = service.targets.map(Self.escaped).joined(separator: ",")
            lines.append(
                "service \(service.dvipa) \(Self.escaped(service.name)) \(service.ipProtocol) "
                    + "\(ports.isEmpty ? "any" : ports.joined(separator: ",")) \(targets)"
                    + steering(of: service))
        }
        lines.append("leases \(leases.port) \(leases.validityMilliseconds)")
        if verification == .target { lines.append("verify target") }
        if let filters { lines += Self.lines(of: filters) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Nothing for what is so unless the file says otherwise.
    private func steering(of service: Service) -> String {
        guard service.steering != Steering() else { return "" }
        return " \(service.steering.method.rawValue) \(service.steering.affinitySeconds ?? 0)"
    }

    /// Rules in the order of the file: the first that matches decides.
    private static func lines(of filters: FilterSettings) -> [String] {
        func text<Range>(_ ranges: [Range], _ write: (Range) -> String) -> String {
            ranges.isEmpty ? "any" : ranges.map(write).sorted().joined(separator: ",")
        }
        func addresses(_ ranges: [AddressRange]) -> String { text(ranges) { "\($0.first)-\($0.last)" } }
        func ports(_ ranges: [ClosedRange<UInt16>]) -> String { text(ranges) { "\($0.lowerBound)-\($0.upperBound)" } }
        let head = "filters \(filters.at.rawValue) \(filters.filter.otherwise.rawValue)"
        return [head]
            + filters.filter.rules.map { rule in
                [
                    "filter", escaped(rule.name), rule.action.rawValue, addresses(rule.sources),
                    addresses(rule.destinations), rule.ipProtocol.map(String.init) ?? "any", ports(rule.sourcePorts),
                    ports(rule.destinationPorts),
                ].joined(separator: " ")
            }
    }

    /// No two texts become one line: a blank, a comma, a line break or a percent sign in a name is written as its number.
    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            scalar.value <= 0x20 || ",%".unicodeScalars.contains(scalar)
                ? "%\(String(scalar.value, radix: 16))." : String(scalar)
        }.joined()
    }
}
