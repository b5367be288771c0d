internal import Associations

extension ClusterConfiguration {
    /// What all members must agree on, in one form: who belongs to it, what is served where, by which rules. No secrets, no
    /// paths, nothing that is one node's own. Members compare a hash of it before any SA goes from one to another.
    public var policyText: String {
        var lines = ["viaduct policy 1", "cluster \(name)"]
        lines += dvipas.map { "dvipa \($0)" } + gateways.map { "gateway \($0)" }
        for service in services {
            let ports = service.ports.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
            lines.append(
                "service \(service.name) \(service.dvipa) \(service.ipProtocol) \(ports) "
                    + service.targets.joined(separator: ","))
        }
        lines += targets.map { "target \($0.name) \($0.trustedAddress)" }
        lines.append("leases \(leases.validityMilliseconds)")
        return lines.joined(separator: "\n") + "\n"
    }
}
