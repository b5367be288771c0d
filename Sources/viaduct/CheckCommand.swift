import ArgumentParser
import Configuration
import ControlPlane

/// `viaduct check`: is the file right?
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Reads a configuration and says what is wrong with it, if anything.")

    @Option(help: "The cluster's configuration file.")
    var config: String

    @Option(help: "Also check that this node could run with it.")
    var node: String?

    func run() throws {
        let cluster = try Complaint.orExit { () throws(ConfigurationFailure) in
            let cluster = try ClusterConfiguration.load(path: config)
            _ = try cluster.ikeConnections()
            if let node { try cluster.requireRunnable(node: cluster.node(named: node)) }
            return cluster
        }
        for warning in cluster.warnings { Log.warn(warning) }
        if let node, let member = cluster.nodes.first(where: { $0.name == node }) { Self.tellRoom(cluster, member) }
        print(
            "\(config): right; \(cluster.nodes.count) nodes, \(cluster.services.count) services, "
                + "\(cluster.securityAssociations.count) security associations")
    }

    /// What its links must have room for; compared with the interfaces where this machine has them.
    private static func tellRoom(_ cluster: ClusterConfiguration, _ node: Node) {
        let room = LinkRoom(cluster, node)
        print("\(node.name): \(room.summary)")
        guard case .router(let router) = node.role, let trusted = router.trustedInterface,
            let client = router.clientInterface, var netlink = try? Netlink(),
            let trustedLink = try? netlink.interface(named: trusted),
            let clientLink = try? netlink.interface(named: client)
        else { return }
        if let complaint = room.complaint(about: (trusted, trustedLink.mtu), behind: (client, clientLink.mtu)) {
            Log.warn(complaint)
        }
    }
}
