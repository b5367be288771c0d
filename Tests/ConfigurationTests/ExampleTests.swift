import Associations
import Configuration
import Testing
import Wire

/// The example of docs/configuration.md, value by value.
@Suite struct ExampleTests {
    let cluster: ClusterConfiguration

    init() throws { cluster = try ClusterConfiguration(yaml: Page.bothWays, file: "cluster.yaml") }

    @Test func itsHead() {
        #expect(cluster.name == "demo")
        #expect(cluster.epoch == Epoch(rawValue: 1))
        #expect(cluster.stateDirectory == "/var/lib/viaduct")
        #expect(cluster.leases == LeaseSettings(port: 4510, validityMilliseconds: 10))
        #expect(cluster.gateways == [address("198.51.100.1")])
        #expect(cluster.dvipas == [address("10.72.0.10")])
        #expect(cluster.warnings.isEmpty)
    }

    @Test func itsNodesInTheOrderOfTheFile() throws {
        #expect(cluster.nodes.map(\.name) == ["router1", "t1", "client"])
        #expect(cluster.targets == [Target(name: "t1", trustedAddress: address("192.0.2.11"))])

        guard case .router(let router) = try cluster.node(named: "router1").role else {
            Issue.record("no router")
            return
        }
        #expect(router.clientInterface == "client0")
        #expect(router.trustedInterface == "trusted0")
        #expect(router.trustedAddress == address("192.0.2.1"))
        #expect(router.port == .auto)
        #expect(cluster.routers == [router])

        guard case .target(let target) = try cluster.node(named: "t1").role else {
            Issue.record("no target")
            return
        }
        #expect(target.trustedAddress == address("192.0.2.11"))
        #expect(target.mtu == 1400)

        guard case .endpoint(let endpoint) = try cluster.node(named: "client").role else {
            Issue.record("no endpoint")
            return
        }
        #expect(endpoint.addresses == [address("10.71.0.1")])
        #expect(endpoint.mtu == 1400)
    }

    @Test func itsService() {
        #expect(
            cluster.services == [
                Service(
                    name: "web", dvipa: address("10.72.0.10"), ipProtocol: 6, ports: [80...80, 443...443, 8000...8999],
                    targets: ["t1"])
            ])
    }

    @Test func itsAssociations() throws {
        #expect(cluster.securityAssociations.map(\.endpoint) == ["client", "client"])
        let inbound = cluster.securityAssociations[0].association
        #expect(inbound.name == "client-in")
        #expect(inbound.spi == SPI(rawValue: 0xc472_877a))
        #expect(inbound.direction == .inbound)
        #expect(inbound.mode == .tunnel)
        #expect(inbound.source == address("198.51.100.10"))
        #expect(inbound.destination == address("198.51.100.1"))
        #expect(inbound.transform == .aes256gcm16)
        #expect(
            inbound.key.withUnsafeBytes { Hexadecimal.text($0) }
                == "71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99")
        #expect(inbound.salt.withUnsafeBytes { Hexadecimal.text($0) } == "24380623")
        #expect(inbound.replayWindow == 64)
        #expect(
            inbound.selectors
                == TrafficSelectors(
                    remote: [range("10.71.0.0/24")], local: [range("10.72.0.0/24")], ipProtocol: 6,
                    remotePorts: [1024...65535], localPorts: [80...80, 443...443]))

        let outbound = cluster.securityAssociations[1].association
        #expect(outbound.direction == .outbound)
        #expect(outbound.transform == .aes128gcm16)
        #expect(outbound.key.count == 16)
        #expect(outbound.replayWindow == 32)
        #expect(outbound.selectors.remotePorts.isEmpty)
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let minimal = try ClusterConfiguration(
            yaml: """
                cluster: replay
                nodes:
                  t2: {role: target, trustedAddress: 192.0.2.12}
                  r: {role: router}
                  t1: {role: target, trustedAddress: 192.0.2.11}
                dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [53, 5000-5009]}]}]
                """, file: "minimal.yaml")
        #expect(minimal.epoch == Epoch(rawValue: 1))
        #expect(minimal.stateDirectory == nil)
        #expect(minimal.leases == LeaseSettings(port: 4510, validityMilliseconds: 10))
        #expect(minimal.gateways.isEmpty)
        #expect(minimal.securityAssociations.isEmpty)
        #expect(minimal.routers.map(\.port) == [.auto])
        #expect(minimal.targets.map(\.name) == ["t2", "t1"])
        #expect(
            minimal.services == [
                Service(
                    name: "10.72.0.10/tcp/53,5000-5009", dvipa: address("10.72.0.10"), ipProtocol: 6,
                    ports: [53...53, 5000...5009], targets: ["t2", "t1"])
            ])
    }

    @Test func theSameFileAsJSONIsTheSameCluster() throws {
        let json = """
            {"cluster": "demo", "epoch": 7, "nodes": {"t1": {"role": "target", "trustedAddress": "192.0.2.11"}},
            "dvipas": [{"address": "10.72.0.10", "services": [{"protocol": "tcp", "ports": [80], "name": "web"}]}]}
            """
        let cluster = try ClusterConfiguration(yaml: json, file: "cluster.json")
        #expect(cluster.epoch == Epoch(rawValue: 7))
        #expect(cluster.services.map(\.targets) == [["t1"]])
    }

    private func address(_ text: String) -> IPAddress { IPAddress(text)! }
    private func range(_ text: String) -> AddressRange { AddressRange(text)! }
}
