import ArgumentParser
import Configuration

/// `viaduct run`: one member of a cluster, in the foreground.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs a node of a cluster until SIGINT or SIGTERM.")

    @Option(help: "The cluster's configuration file.")
    var config: String

    @Option(help: "Which of the file's nodes this is.")
    var node: String

    @Option(help: "A file that is replaced twice a second with what the node is doing, as JSON.")
    var status: String?

    @Option(help: "A Unix socket to make, for `viaduct ike` (a router's only).")
    var control: String?

    func run() throws {
        let (cluster, node) = try Complaint.orExit { () throws(ConfigurationFailure) in
            let cluster = try ClusterConfiguration.load(path: config, for: self.node)
            let found = try cluster.node(named: self.node)
            try cluster.requireRunnable(node: found)
            return (cluster, found)
        }
        for warning in cluster.warnings { Log.warn(warning) }
        // From here on the machine is touched. Signals come to one thread only, which ends the others in order.
        let termination = Termination()
        let member = Member(
            cluster: cluster, node: node, statusFile: status, controlSocket: control, termination: termination)
        try Complaint.orExit { () throws(RunFailure) in
            switch node.role {
            case .router(let router): try member.run(router)
            case .target(let target): try member.run(target)
            case .endpoint(let endpoint): try member.run(endpoint)
            }
        }
    }
}
