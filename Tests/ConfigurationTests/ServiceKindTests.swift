import Associations
import Configuration
import Testing

/// Services that are not TCP, and what they say of how their connections are shared.
@Suite struct ServiceKindTests {
    private func services(_ lines: String...) throws -> [Service] {
        let written = lines.map { "      - \($0)" }.joined(separator: "\n") + "\n"
        let yaml = Edit.applying(Page.service, written, to: Page.yaml)
        return try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").services
    }

    @Test func aServiceHasAProtocolByNameOrNumber() throws {
        let read = try services(
            "{protocol: udp, ports: [53, 5060-5070]} ", "{protocol: 132, ports: [2905]} ", "{protocol: gre} ",
            "{protocol: 253, targets: [t1]} ", "{protocol: tcp, ports: [53]} ")
        #expect(read.map(\.ipProtocol) == [17, 132, 47, 253, 6])
        #expect(read.map(\.ports) == [[53...53, 5060...5070], [2905...2905], [], [], [53...53]])
        #expect(
            read.map(\.name) == [
                "10.72.0.10/udp/53,5060-5070", "10.72.0.10/sctp/2905", "10.72.0.10/gre", "10.72.0.10/253",
                "10.72.0.10/tcp/53",
            ])
        #expect(read.allSatisfy { $0.targets == ["t1"] && $0.steering == Steering(.weighted) })
    }

    @Test func itSaysHowItsConnectionsAreShared() throws {
        let read = try services(
            "{protocol: udp, ports: [1], steering: {method: round-robin}} ",
            "{protocol: udp, ports: [2], steering: {method: weighted, affinity: 300}} ",
            "{protocol: udp, ports: [3], steering: {method: active-connections}} ",
            "{protocol: udp, ports: [4], steering: {method: hot-standby}} ",
            "{protocol: udp, ports: [5], steering: {method: consistent-hash, affinity: 86400}} ",
            "{protocol: udp, ports: [6], steering: {affinity: 1}} ")
        #expect(
            read.map(\.steering) == [
                Steering(.roundRobin), Steering(.weighted, affinitySeconds: 300), Steering(.activeConnections),
                Steering(.hotStandby), Steering(.consistentHash, affinitySeconds: 86400),
                Steering(.weighted, affinitySeconds: 1),
            ])
    }
}
