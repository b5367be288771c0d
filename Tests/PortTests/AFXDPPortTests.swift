import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct AFXDPPortTests {
    @Test func takesOnlyOurs() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            let conformance = try PortConformance(network)
            var port = try AFXDPPort(
                clientInterface: "client0", trustedInterface: "trusted0", ownedAddresses: [TestFrames.owned])
            try conformance.takesOnlyOurs(&port)
        }
    }

    @Test(arguments: [1, 3]) func forwards(queues: Int) throws {
        let network = try TestNetwork(queues: queues)
        try inNamespace(network.router) {
            let conformance = try PortConformance(network)
            var port = try AFXDPPort(
                clientInterface: "client0", trustedInterface: "trusted0", ownedAddresses: [TestFrames.owned])
            try conformance.forwards(10 * AFXDPPort.ringSize, through: &port)
            let census = port.census
            #expect(census.pool + census.receiving + census.transmitting == port.memory.frameCount)
            #expect(census.held == 0)
        }
    }
}
