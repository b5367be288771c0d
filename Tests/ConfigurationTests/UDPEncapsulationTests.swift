import Associations
import Testing

@testable import Configuration

@Suite struct UDPEncapsulationTests {
    private static func yaml(_ line: String) -> String {
        """
        cluster: demo
        nodes:
          r1: {role: router}
          t1: {role: target, trustedAddress: 192.0.2.11}
          c1: {role: endpoint}
        gateways: [198.51.100.1]
        dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
        securityAssociations:
          - name: in
            spi: 0xc472877a
            direction: inbound
            mode: tunnel
            source: 198.51.100.10
            destination: 198.51.100.1
            algorithm: aes128gcm16
            key: "3fc6ed52d8fee80f4a899a69b992b327"
            salt: "16274504"
            selectors: {remote: [10.71.0.0/24], local: [10.72.0.0/24]}
        \(line.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
        """
    }

    private func message(_ line: String) -> String? {
        do throws(ConfigurationFailure) {
            _ = try ClusterConfiguration(yaml: Self.yaml(line), file: "c.yaml")
            return nil
        } catch { return "\(error)" }
    }

    @Test func thePeersPortIsReadAndOursIsTheOneThereIs() throws {
        let cluster = try ClusterConfiguration(yaml: Self.yaml("udpEncapsulation: {remotePort: 17146}"), file: "c.yaml")
        #expect(
            cluster.securityAssociations[0].association.udpEncapsulation
                == UDPEncapsulation(remotePort: 17146, localPort: 4500))
        #expect(message("udpEncapsulation: {remotePort: 17146, localPort: 4500}") == nil)
    }

    @Test func whatCannotBeIsRefused() {
        #expect(message("udpEncapsulation: {remotePort: 0}")?.hasPrefix("c.yaml:19: ") == true)
        #expect(message("udpEncapsulation: {remotePort: 1, localPort: 500}")?.hasPrefix("c.yaml:19: ") == true)
        #expect(message("udpEncapsulation: {}")?.hasPrefix("c.yaml:19: ") == true)
        #expect(message("udpEncapsulation: {remotePort: 1, port: 2}")?.hasPrefix("c.yaml:19: ") == true)
        #expect(
            message("endpoint: c1\nudpEncapsulation: {remotePort: 17146}")
                == "c.yaml:20: an endpoint of ours does not do ESP in UDP yet. "
                + "Remove udpEncapsulation, or endpoint if the peer is another program.")
    }
}
