import ArgumentParser
import Configuration
import XCF

/// `viaduct cluster`: what is done once for all members.
struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Makes and changes what the members of a cluster need to trust each other.",
        subcommands: [ClusterInitCommand.self, RotateKeyCommand.self])
}

/// `viaduct cluster init`.
struct ClusterInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract:
            "Makes a certificate authority, a certificate and a key for every router and target, and the cluster's key."
    )

    @Option(help: "The cluster's configuration file.")
    var config: String

    @Option(help: "Where to put the files; link.credentials of the configuration names it.")
    var directory: String

    @Flag(help: "Make only what is missing, signed by the authority that is there.")
    var add = false

    func run() throws {
        let cluster = try Complaint.orExit { () throws(ConfigurationFailure) in
            try ClusterConfiguration.loadWithoutSecrets(path: config)
        }
        let files = ClusterFiles(directory: directory, cluster: cluster.name, nodes: cluster.memberNames)
        let made = try Complaint.orExit { () throws(LinkCredentialFault) in add ? try files.add() : try files.make() }
        for file in made { print(file) }
    }
}
