import Commands
import Foundation
import Testing

/// A wrong configuration gets one message, and nothing on the machine is touched.
@Suite struct WrongConfigurationTests {
    /// The program, built beside the tests.
    static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "viaduct").path

    private static let right = """
        cluster: demo
        stateDirectory: STATE
        nodes:
          r1: {role: router, clientInterface: lo, trustedInterface: lo, trustedAddress: 192.0.2.1}
          t1: {role: target, trustedAddress: 192.0.2.11}
        gateways: [198.51.100.1]
        dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
        securityAssociations:
          - name: out
            spi: 0xc472877a
            direction: outbound
            mode: tunnel
            source: 198.51.100.1
            destination: 198.51.100.10
            algorithm: aes128gcm16
            key: "3fc6ed52d8fee80f4a899a69b992b327"
            salt: "16274504"
            selectors: {remote: [10.71.0.0/24], local: [10.72.0.0/24]}
        """

    @Test(arguments: [
        ("salt: \"16274504\"", "salt: \"162745\"", "r1", ":17: salt has 6 digits"),
        ("trustedAddress: 192.0.2.11", "trustedAdress: 192.0.2.11", "t1", ":5: "),
        ("cluster: demo", "cluster: [", "r1", ":"),
        ("cluster: demo", "cluster: demo", "r9", ":3: there is no node \"r9\""),
    ]) func oneMessageAndNothingElse(_ what: String, _ with: String, _ node: String, _ message: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "viaduct-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "cluster.yaml").path
        let state = folder.appending(path: "state").path
        let text = Self.right.replacingOccurrences(of: "STATE", with: state)
            .replacingOccurrences(of: what, with: with)
        _ = FileManager.default.createFile(
            atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        let before = try machine()

        let outcome = try outcome(of: [Self.program, "run", "--config", file, "--node", node])

        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("viaduct: \(file)\(message)"), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(try machine() == before)
        #expect(!FileManager.default.fileExists(atPath: state))
    }

    /// What a node would change here: its device and its rules of policy routing. Other tests make devices of their own
    /// meanwhile, so only these are looked at.
    private func machine() throws -> String {
        let device = try outcome(of: ["ip", "link", "show", "viaduct0"])
        return try run("ip", "rule") + device.output + "\(device.status)"
    }
}
