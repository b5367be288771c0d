import ArgumentParser
import Configuration

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
        print(
            "\(config): right; \(cluster.nodes.count) nodes, \(cluster.services.count) services, "
                + "\(cluster.securityAssociations.count) security associations")
    }
}
