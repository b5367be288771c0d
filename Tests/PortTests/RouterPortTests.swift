import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct RouterPortTests {
    static func open(_ choice: PortChoice) throws -> RouterPort {
        try RouterPort.open(
            choice: choice, clientInterface: "client0", trustedInterface: "trusted0",
            ownedAddresses: [TestFrames.owned])
    }

    @Test(arguments: PortChoice.allCases) func opensWhatWasChosen(choice: PortChoice) throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open(choice)
            #expect(port.summary.hasPrefix(choice == .packetSocket ? "packet socket on client0" : "AF_XDP on client0"))
            let conformance = try PortConformance(network)
            try conformance.takesOnlyOurs(&port)
            try conformance.forwards(1000, through: &port)
            try conformance.ownsAndDisowns(&port)
            #expect(port.statistics()["frame_too_long"] == 0)
        }
    }

    /// Another program holds the device: `auto` takes the packet socket and says why, `af_xdp` fails.
    @Test func fallsBackAloud() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            try network.attachForeignProgram(to: "client0")
            var port = try Self.open(.auto)
            #expect(
                port.summary.hasPrefix(
                    "packet socket on client0, TPACKET_V3, to trusted0; AF_XDP failed: "
                        + "client0 already has an XDP program, \"pass\""))
            try PortConformance(network).takesOnlyOurs(&port)
            #expect(throws: PortFailure.self) { _ = try Self.open(.afXDP) }
        }
    }
}
