import ArgumentParser
import Configuration
import ControlPlane

/// `viaduct cluster rotate-key`.
struct RotateKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Has a running router read its configuration's clusterKey and formerClusterKeys again.",
        discussion: """
            What lies in the coupling facility under a former key is wrapped anew under clusterKey. The key until now must be \
            among formerClusterKeys.
            """)

    /// On the control socket.
    static let line = "rotate-key"

    @Option(help: "The router's control socket: what `viaduct run` was given by --control.")
    var control: String

    // Longer than the router waits itself.
    func run() throws { try ControlSocket.ask(Self.line, at: control, seconds: 60) }
}

extension Member {
    /// What a running router does then; the answer is for people, and begins with "ok" when all went well.
    func rotateKey(_ coupling: CouplingEnd?) -> String {
        guard let coupling else { return "this router keeps nothing in a coupling facility" }
        do throws(ConfigurationFailure) {
            let read = try ClusterConfiguration.load(path: cluster.file, for: node.name)
            guard let ring = read.keyRing else { return "\(read.file) has no clusterKey" }
            return coupling.rotate(to: ring)
        } catch {
            return "\(error)"
        }
    }
}
