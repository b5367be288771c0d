import Configuration
import ControlPlane
import Testing
import Wire

@testable import viaduct

/// What an operator says to IKE, by the control socket and by the file.
@Suite struct IKECommandTests {
    @Test(arguments: [
        ("initiate branch", IKECommand.initiate("branch")), ("rekey-children #3", .rekeyChildren("#3")),
        ("terminate my branch", .terminate("my branch")),
        ("redirect branch 192.0.2.2", .redirect("branch", IPAddress("192.0.2.2")!)),
        ("move #3 2001:db8::1", .move("#3", IPAddress("2001:db8::1")!)),
    ]) func aLineIsACommand(_ line: String, _ command: IKECommand) {
        #expect(IKECommand(line: line) == command)
    }

    @Test(arguments: ["", "rekey", "redirect branch", "move branch there", "move 192.0.2.2", "fly branch", "close all"])
    func anythingElseIsNone(_ line: String) {
        #expect(IKECommand(line: line) == nil)
    }

    private static let file = """
        cluster: demo
        stateDirectory: /var/lib/viaduct
        clusterKey: /etc/viaduct/cluster.key
        nodes:
          r1: {role: router, clientInterface: lo, trustedInterface: lo, trustedAddress: 192.0.2.1}
          t1: {role: target, trustedAddress: 192.0.2.11}
        gateways: [198.51.100.1]
        dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
        ike:
          connections:
            - name: branch
              localID: gw.example
              presharedKey: "0x5c1f0a77d2be4b1993a45d6e80c3f7126b9d0e54"
              mobike: MOBIKE
              child: {local: [10.72.0.10/32], remote: [10.71.0.0/24]}
        """

    @Test(arguments: [true, false]) func mobikeIsWhatTheFileSays(_ isMobile: Bool) throws {
        let yaml = Self.file.replacing("MOBIKE", with: "\(isMobile)")
        let key = FileReader { _ in Array("8f1d0b7c6a5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c6b5a".utf8) }
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: key)
        let connections = try cluster.ikeConnections().connections
        #expect(connections.map { $0.policy.mobility != nil } == [isMobile])
    }
}
