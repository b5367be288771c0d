import Commands
import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct PacketSocketPortTests {
    static func open() throws -> PacketSocketPort {
        try PacketSocketPort(
            clientInterface: "client0", trustedInterface: "trusted0", ownedAddresses: [TestFrames.owned])
    }

    @Test func takesOnlyOurs() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            #expect(port.summary == "packet socket on client0, TPACKET_V3, to trusted0")
            try PortConformance(network).takesOnlyOurs(&port)
            #expect(port.statistics()["not_owned"] == 3)
        }
    }

    @Test func takesFragments() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            let conformance = try PortConformance(network)
            try conformance.takesFragments(&port)
            try conformance.takesTooBig(&port)
        }
    }

    @Test func forwards() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            try PortConformance(network).forwards(20_480, through: &port)
            #expect(port.statistics()["rx_ring_full"] == 0)
        }
    }

    @Test func keepsTheTailroom() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            try PortConformance(network).keepsTheTailroom(&port)
        }
    }

    @Test func takesOnlyOursOfIPv6() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            try PortConformance(network).takesOnlyOursOfIPv6(&port)
        }
    }

    @Test func ownsAndDisowns() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            try PortConformance(network).ownsAndDisowns(&port)
        }
    }

    @Test func refusesWhatTheTrustedLinkCannotCarry() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            try PortConformance(network).refusesOversized(&port)
        }
    }

    /// The kernel has no ESP; without the port it answers "protocol unreachable" (ICMP 3, 2), with it nothing.
    @Test func keepsTheKernelFromAnswering() throws {
        let network = try TestNetwork()
        try run("ip", "-n", network.router, "addr", "add", "192.0.2.10/24", "dev", "client0")
        try run(
            "ip", "-n", network.router, "neigh", "add", "192.0.2.1", "lladdr", "02:00:00:00:00:01", "dev", "client0")
        try inNamespace(network.router) {
            let conformance = try PortConformance(network)
            // ESP and then an echo request to the interface's own address: the answers come in this order.
            let hardware = try TestFrames.hardwareAddress("client0")
            /// ICMP types and codes up to the echo's answer, which is the last.
            func answers() throws -> [[UInt8]] {
                try conformance.client.send(TestFrames.esp(to: TestFrames.owned, number: 1).sent(to: hardware))
                try conformance.client.send(TestFrames.echo(to: TestFrames.owned).sent(to: hardware))
                var answers: [[UInt8]] = []
                try waitUntil("an echo reply") {
                    while let frame = conformance.client.receive() {
                        if frame.count > 35, frame[12...13] == [8, 0], frame[23] == 1 {
                            answers.append([UInt8](frame[34...35]))
                        }
                    }
                    return answers.contains([0, 0])
                }
                return answers
            }
            #expect(try answers() == [[3, 2], [0, 0]])
            let port = try Self.open()
            #expect(try answers() == [[0, 0]])
            _ = port.summary
        }
    }
}
