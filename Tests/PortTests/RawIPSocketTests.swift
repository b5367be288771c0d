import Commands
import Foundation
import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct RawIPSocketTests {
    /// A network whose links have addresses: 192.0.2.1 and .10 on the client's side, 198.51.100.10 and .1 on the other.
    static func network() throws -> TestNetwork {
        let network = try TestNetwork()
        for (namespace, interface, address) in [
            (network.client, "far0", "192.0.2.1/24"), (network.router, "client0", "192.0.2.10/24"),
            (network.router, "trusted0", "198.51.100.10/24"), (network.target, "far0", "198.51.100.1/24"),
        ] {
            try run("ip", "-n", namespace, "address", "add", address, "dev", interface)
        }
        return network
    }

    /// A socket and frames for it.
    struct Host: ~Copyable {
        var socket: RawIPSocket
        let memory = FrameMemory(frameCount: 256, frameStride: 2240)
        var pool = FramePool(frameCount: 256, frameStride: 2240)

        init(_ socket: consuming RawIPSocket) { self.socket = socket }

        /// Sends the packets in one batch and returns what became of each.
        mutating func send(_ packets: [[UInt8]]) -> [Verdict] {
            var batch = PacketBatch(capacity: 128)
            for packet in packets {
                let start = pool.take()! + HostRoom.front
                var span = memory.mutableBytes(at: start, count: packet.count)
                for (offset, byte) in packet.enumerated() { span.store(byte, at: offset) }
                var entry = Packet(start: start, byteCount: packet.count)
                entry.verdict = .sealed
                batch.append(entry)
            }
            socket.send(&batch, having: .sealed, memory: memory)
            for index in 0..<batch.count { pool.give(batch[index].start) }
            return (0..<batch.count).map { batch[$0].verdict }
        }

        mutating func receive(_ count: Int) throws -> [[UInt8]] {
            var packets: [[UInt8]] = []
            var batch = PacketBatch()
            try waitUntil("\(count) packets") {
                socket.receive(into: &batch, memory: memory, pool: &pool)
                for index in 0..<batch.count {
                    #expect(batch[index].start % 2240 == HostRoom.front)
                    packets.append(bytes(of: batch[index], in: memory))
                    pool.give(batch[index].start)
                }
                batch.removeAll()
                return packets.count >= count
            }
            #expect(pool.count == 256)
            return packets
        }
    }

    @Test(arguments: [47, 50] as [UInt8]) func packetsArriveWhole(ipProtocol: UInt8) throws {
        let network = try Self.network()
        let sent = (0..<100).map { number in
            TestPackets.ipv4(
                from: "192.0.2.1", to: "192.0.2.10", protocol: ipProtocol,
                body: [0, 0, 8, 0] + (0..<(number * 14)).map { UInt8(truncatingIfNeeded: $0 ^ number) })
        }
        let receiver = try inNamespace(network.router) { try RawIPSocket(ipProtocol: ipProtocol) }
        try inNamespace(network.client) {
            var host = Host(try RawIPSocket(ipProtocol: ipProtocol))
            #expect(host.send(sent) == Array(repeating: .sealed, count: 100))
            #expect(host.socket.statistics() == ["sent": 100, "frame_too_long": 0])
        }
        var host = Host(receiver)
        #expect(try host.receive(100) == sent)
    }

    /// One too big for the interface does not keep back those around it.
    @Test func oversizedIsNamed() throws {
        let network = try Self.network()
        try inNamespace(network.client) {
            var host = Host(try RawIPSocket(ipProtocol: 50))
            let sizes = [100, 1480, 1481, 1900, 100]
            let packets = sizes.map {
                TestPackets.ipv4(
                    from: "192.0.2.1", to: "192.0.2.10", protocol: 50, body: Array(repeating: 1, count: $0))
            }
            #expect(host.send(packets) == [.sealed, .sealed, .oversized, .oversized, .sealed])
            #expect(host.socket.statistics() == ["sent": 3, "frame_too_long": 0, "send_refused_EMSGSIZE": 2])
        }
    }

    @Test func unreachableIsCounted() throws {
        let network = try Self.network()
        try inNamespace(network.client) {
            var host = Host(try RawIPSocket(ipProtocol: 50))
            let packet = TestPackets.ipv4(from: "192.0.2.1", to: "203.0.113.1", protocol: 50, body: [1, 2, 3, 4])
            #expect(host.send([packet]) == [.transmitQueueFull])
            #expect(host.socket.statistics()["send_refused_ENETUNREACH"] == 1)
        }
    }

    /// A rule that forbids the mark stops marked packets and no others.
    @Test func marksWhatItSends() throws {
        let network = try Self.network()
        try inNamespace(network.client) {
            try run("ip", "rule", "add", "fwmark", "0x80000007", "prohibit")
            let packet = TestPackets.ipv4(from: "192.0.2.1", to: "192.0.2.10", protocol: 50, body: [1, 2, 3, 4])
            var marked = Host(try RawIPSocket(ipProtocol: 50, mark: 0x8000_0007))
            #expect(marked.send([packet]) == [.transmitQueueFull])
            #expect(marked.socket.statistics()["send_refused_EACCES"] == 1)
            var plain = Host(try RawIPSocket(ipProtocol: 50))
            #expect(plain.send([packet]) == [.sealed])
        }
    }

    /// GRE is taken from the trusted interface only.
    @Test func hearsOneInterface() throws {
        let network = try Self.network()
        let wrong = TestPackets.ipv4(from: "192.0.2.1", to: "192.0.2.10", protocol: 47, body: [0, 0, 8, 0, 1])
        let right = TestPackets.ipv4(from: "198.51.100.1", to: "198.51.100.10", protocol: 47, body: [0, 0, 8, 0, 2])
        let hearsAll = try inNamespace(network.router) { try RawIPSocket(ipProtocol: 47) }
        let hearsTrusted = try inNamespace(network.router) { try RawIPSocket(ipProtocol: 47, interface: "trusted0") }
        for (namespace, packet) in [(network.client, wrong), (network.target, right)] {
            try inNamespace(namespace) {
                var host = Host(try RawIPSocket(ipProtocol: 47))
                #expect(host.send([packet]) == [.sealed])
            }
        }
        // Once the one that hears all has both, the other has what it will get.
        var all = Host(hearsAll)
        #expect(Set(try all.receive(2)) == [wrong, right])
        var one = Host(hearsTrusted)
        #expect(try one.receive(1) == [right])
    }

    /// The kernel takes the IPv6 header off; what stands in front of the packet then is one with the same addresses.
    @Test(arguments: [47, 50] as [UInt8]) func packetsOfIPv6ArriveWithAHeader(ipProtocol: UInt8) throws {
        let network = try Self.network()
        for (namespace, interface, address) in [
            (network.client, "far0", "2001:db8:a::1/64"), (network.router, "client0", "2001:db8:a::10/64"),
        ] {
            try run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.\(interface).disable_ipv6=0")
            try run("ip", "-n", namespace, "address", "add", address, "dev", interface, "nodad")
        }
        func packet(_ count: Int, trafficClass: UInt8) -> [UInt8] {
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ count) }
            var packet = [UInt8](
                TestFrames.ipv6(to: IPAddress("2001:db8:a::10")!, next: ipProtocol, body).dropFirst(14))
            packet[0] |= trafficClass >> 4
            packet[1] |= trafficClass << 4
            return packet
        }
        let six = (1..<60).map { packet($0 * 20, trafficClass: UInt8($0)) }
        let four = TestPackets.ipv4(
            from: "192.0.2.1", to: "192.0.2.10", protocol: ipProtocol, body: [0, 0, 8, 0, 1, 2, 3, 4])
        let receiver = try inNamespace(network.router) { try RawIPSocket(ipProtocol: ipProtocol) }
        try inNamespace(network.client) {
            var host = Host(try RawIPSocket(ipProtocol: ipProtocol))
            #expect(host.send(six + [four]).allSatisfy { $0 == .sealed }, "both families in one batch")
            #expect(host.send([packet(1461, trafficClass: 0)]) == [.oversized])
            #expect(host.socket.statistics()["sent"] == 60)
        }
        let memory = FrameMemory(frameCount: 256, frameStride: 2240)
        var pool = FramePool(frameCount: 256, frameStride: 2240)
        var batch = PacketBatch()
        var found: [[UInt8]] = []
        var socket = receiver
        try waitUntil("60 packets") {
            socket.receive(into: &batch, memory: memory, pool: &pool)
            for index in 0..<batch.count {
                found.append(bytes(of: batch[index], in: memory))
                pool.give(batch[index].start)
            }
            batch.removeAll()
            return found.count >= 60
        }
        #expect(found.filter { $0[0] >> 4 == 6 } == six)
        #expect(found.count { $0[0] >> 4 == 4 } == 1)
        #expect(pool.count == 256)
    }
}
