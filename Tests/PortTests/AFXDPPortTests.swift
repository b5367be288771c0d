import Commands
import Foundation
import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct AFXDPPortTests {
    static func open(frameStride: Int = 2048) throws -> AFXDPPort {
        try AFXDPPort(
            clientInterface: "client0", trustedInterface: "trusted0", ownedAddresses: [TestFrames.owned],
            frameStride: frameStride)
    }

    @Test func takesOnlyOurs() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            #expect(port.summary.hasPrefix("AF_XDP on client0, driver mode, copy (zero-copy: "))
            try PortConformance(network).takesOnlyOurs(&port)
        }
    }

    @Test func fragmentsOfUDPFollowTheirFirst() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            let conformance = try PortConformance(network)
            try conformance.takesFragments(&port)
            try conformance.leavesOtherFragments(&port)
            try conformance.takesTooBig(&port)
        }
    }

    /// 2,240 bytes a frame are no power of two: the kernel's chunks are unaligned then.
    @Test(arguments: [(1, 2048), (3, 2048), (1, 2240), (1, 4096)])
    func forwards(queues: Int, frameStride: Int) throws {
        let network = try TestNetwork(queues: queues)
        try inNamespace(network.router) {
            var port = try Self.open(frameStride: frameStride)
            try PortConformance(network).forwards(10 * AFXDPPort.ringSize, through: &port)
            // Every frame is accounted for, and none is with a batch.
            let census = port.census
            #expect(census.pool + census.receiving + census.transmitting == port.memory.frameCount)
            #expect(census.held == 0)
            let statistics = port.statistics()
            for name in ["rx_dropped", "rx_invalid_descs", "tx_invalid_descs", "rx_ring_full", "frame_too_long"] {
                #expect(statistics[name] == 0)
            }
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

    /// Without anybody to take them, frames pile up in the ring: those that find no room say so, and come back.
    @Test func saysWhenTheRingIsFull() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var port = try Self.open()
            let conformance = try PortConformance(network)
            try run("ip", "link", "set", "trusted0", "down")
            var batch = PacketBatch()
            var refused = 0
            var sent = 0
            try waitUntil("a full ring") {
                for number in 0..<64 {
                    try conformance.client.send(TestFrames.esp(to: TestFrames.owned, number: UInt32(number)))
                }
                var got = 0
                try waitUntil("64 packets") {
                    port.receive(into: &batch)
                    for index in 0..<batch.count { batch[index].verdict = .steered }
                    got += batch.count
                    port.transmit(&batch)
                    for index in 0..<batch.count {
                        if batch[index].verdict == .transmitQueueFull { refused += 1 } else { sent += 1 }
                    }
                    port.release(&batch)
                    return got == 64
                }
                return refused >= 64
            }
            #expect(sent == AFXDPPort.ringSize)
            // Once the link is up, what waited goes out, and the frames come back.
            try run("ip", "link", "set", "trusted0", "up")
            try waitUntil("the ring to empty") {
                port.receive(into: &batch)
                port.release(&batch)
                return port.census.transmitting == 0
            }
        }
    }

    @Test func refusesAnMTUThatDoesNotFit() throws {
        let network = try TestNetwork(mtu: 1755)
        try inNamespace(network.router) {
            let error = #expect(throws: PortFailure.self) { _ = try Self.open() }
            #expect(
                error?.description
                    == "client0's MTU of 1755 does not fit frames of 2048 bytes: "
                    + "set it to 1754 or less (ip link set client0 mtu 1754)")
            try run("ip", "link", "set", "client0", "mtu", "1754")
            _ = try Self.open()
        }
    }

    @Test func namesAnInterfaceThatIsMissing() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            let error = #expect(throws: PortFailure.self) {
                _ = try AFXDPPort(clientInterface: "nowhere0", trustedInterface: "trusted0", ownedAddresses: [])
            }
            #expect(error?.description == "interface nowhere0: No such device (errno 19)")
        }
    }

    // MARK: The program

    /// veth has no driver mode beside a peer with a large MTU.
    @Test func takesGenericModeAloud() throws {
        let network = try TestNetwork(mtu: 3700)
        try inNamespace(network.router) {
            var port = try Self.open(frameStride: 4096)
            #expect(
                port.summary.hasPrefix(
                    "AF_XDP on client0, generic mode (driver mode: the MTU of client0 or of its veth peer is too large)"
                ))
            let conformance = try PortConformance(network)
            try conformance.takesOnlyOurs(&port)
            try conformance.forwards(1000, through: &port)
        }
    }

    @Test func takesItsProgramAway() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            do {
                let port = try Self.open()
                #expect(try network.hasProgram("client0", in: network.router))
                _ = port.summary
            }
            #expect(try !network.hasProgram("client0", in: network.router))
        }
    }

    /// A process that holds the port is killed as hard as can be.
    @Test func leavesNoProgramBehindWhenKilled() async throws {
        let network = try TestNetwork()
        let router = network.router
        await #expect(processExitsWith: .signal(SIGKILL)) { [router = router as String] in
            try inNamespace(router) {
                let port = try AFXDPPortTests.open()
                guard try run("ip", "-d", "link", "show", "client0").contains("prog/xdp") else { exit(1) }
                kill(getpid(), SIGKILL)
                _ = port.summary
            }
        }
        try waitUntil("the program to be gone") { try !network.hasProgram("client0", in: network.router) }
        try inNamespace(router) { _ = try Self.open() }
    }

    @Test func namesAProgramThatWasLeftBehind() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            try network.attachForeignProgram(to: "client0")
            let error = #expect(throws: PortFailure.self) { _ = try Self.open() }
            let text = try #require(error?.description)
            #expect(text.hasPrefix("client0 already has an XDP program, \"pass\" (id "))
            #expect(text.hasSuffix("): take it away with: ip link set client0 xdp off"))
            // The remedy works.
            try run("ip", "link", "set", "client0", "xdp", "off")
            _ = try Self.open()
        }
    }

    @Test func namesAProgramThatALivingProcessHolds() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            let first = try Self.open()
            let error = #expect(throws: PortFailure.self) { _ = try Self.open() }
            let text = try #require(error?.description)
            #expect(text.hasPrefix("client0 already has an XDP program, \"steer\" (id "))
            #expect(text.contains("a running process holds it"))
            _ = first.summary
        }
    }
}
