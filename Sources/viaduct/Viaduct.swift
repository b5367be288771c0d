import ArgumentParser

@main struct Viaduct: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "viaduct",
        abstract: "One virtual IP, one set of IPsec SAs, many hosts.",
        subcommands: [
            RunCommand.self, ReplayCommand.self, CheckCommand.self, IKECommandLine.self, TargetCommandLine.self,
            ClusterCommand.self,
        ])
}
