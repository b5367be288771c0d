import Associations
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
            try conformance.lends(&port)
            try conformance.ownsAndDisowns(&port)
            #expect(port.statistics()["frame_too_long"] == 0)
        }
    }

    /// A probe that the control plane asked for is on the trusted link, and what could not go is counted.
    @Test func probesGoOut() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open(.auto)
            let conformance = try PortConformance(network)
            let router = Router(Self.configuration())
            var probes = ProbeBench(targetCount: router.targetCount)
            probes.send(router, &port)
            #expect(probes.tallies == [:])
            for (target, number) in [("t1", UInt64(5)), ("t2", 6), ("t1", 7)] { probes.ask(target, number) }
            probes.send(router, &port)
            #expect(probes.tallies == ["noNeighbour": 2])
            var known = Router(Self.configuration())
            try known.apply(.neighbour(target: "t1", MACAddress(rawValue: 0xFFFF_FFFF_FFFF)))
            probes.ask("t1", 8)
            probes.send(known, &port)
            #expect(probes.tallies == ["noNeighbour": 2, "probed": 1])
            let frames = try conformance.target.receive(1) {
                $0.count == 70 && $0.suffix(8) == [0, 0, 0, 0, 0, 0, 0, 8]
            }
            #expect(frames.map { Array($0.prefix(6)) } == [[255, 255, 255, 255, 255, 255]])
        }
    }

    private static func configuration() -> RouterConfiguration {
        let dvipa = IPAddress("10.72.0.10")!
        let targets = ["t1", "t2"].enumerated().map {
            Target(name: $1, trustedAddress: IPAddress(v4: 0xC000_020A + UInt32($0)))
        }
        return RouterConfiguration(
            dvipas: [dvipa], gateways: [],
            services: [
                Service(name: "web", dvipa: dvipa, ipProtocol: 6, ports: [80...80], targets: targets.map(\.name))
            ],
            targets: targets, epoch: Epoch(rawValue: 1), trustedAddress: IPAddress("192.0.2.1")!,
            trustedMAC: MACAddress(rawValue: 0x0200_0000_0001), trustedMTU: 1500)
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
