import Commands
import Testing
import Wire

@testable import FastPath

/// What every port must do, whichever way its frames come.
struct PortConformance {
    let network: TestNetwork
    let client: PacketTap
    let target: PacketTap
    /// What the router's own kernel gets.
    let kernel: PacketTap

    init(_ network: TestNetwork) throws {
        self.network = network
        client = try PacketTap("far0", in: network.client)
        target = try PacketTap("far0", in: network.target)
        kernel = try PacketTap("client0", in: network.router)
    }

    /// Receives until the port has had `count` frames, and gives them back unsent.
    func receive(_ count: Int, from port: inout some FramePort & ~Copyable) throws -> [[UInt8]] {
        var batch = PacketBatch()
        var frames: [[UInt8]] = []
        try waitUntil("\(count) frames at the port") {
            port.receive(into: &batch)
            for index in 0..<batch.count {
                frames.append(bytes(of: batch[index], in: port.memory))
                batch[index].verdict = .passed
            }
            port.release(&batch)
            if frames.count < count { port.wait(milliseconds: 10) }
            return frames.count >= count
        }
        return frames
    }

    /// ESP to an owned address comes to the port, tagged or not; anything else is the kernel's.
    func takesOnlyOurs(_ port: inout some FramePort & ~Copyable) throws {
        let others = [
            TestFrames.esp(to: TestFrames.other, number: 1), TestFrames.udp(to: TestFrames.owned, number: 2),
            TestFrames.arp(number: 3), TestFrames.udp(to: TestFrames.owned, number: 4, tags: [7]),
            TestFrames.esp(to: TestFrames.other, number: 5, tags: [7]),
            TestFrames.udp4500(to: TestFrames.owned, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
            TestFrames.udp4500(to: TestFrames.other, [0xC4, 0x72, 0x87, 0x7A, 0, 0, 0, 1]),
        ]
        let ours = [
            TestFrames.esp(to: TestFrames.owned, number: 6),
            TestFrames.esp(to: TestFrames.owned, number: 7, tags: [0x2007]),
            TestFrames.esp(to: TestFrames.owned, number: 8, tags: [7, 8]),
            TestFrames.esp(to: TestFrames.owned, number: 9, payload: 1400),
            TestFrames.udp4500(to: TestFrames.owned, [0xC4, 0x72, 0x87, 0x7A, 0, 0, 0, 10] + TestFrames.bytes(10)),
        ]
        for frame in others + ours { try client.send(frame) }
        #expect(try receive(ours.count, from: &port) == ours)
        let passed = try kernel.receive(others.count) { others.contains($0) }
        #expect(passed == others)
    }

    /// Fragments of ESP come; of UDP those behind a first one that is ESP on port 4500.
    func takesFragments(_ port: inout some FramePort & ~Copyable) throws {
        func piece(_ number: UInt8, _ identification: UInt16, at offset: UInt16, more: Bool, _ body: [UInt8]) -> [UInt8]
        {
            TestFrames.piece(
                to: TestFrames.owned, protocol: number, identification: identification, offset: offset, more: more, body
            )
        }
        let ports = TestFrames.bytes(0x4321_1194) + TestFrames.bytes(0x0020_0000)
        let ours = [
            piece(50, 1, at: 0, more: true, TestFrames.bytes(1) + TestFrames.bytes(2)),
            piece(50, 1, at: 1, more: false, TestFrames.bytes(3)),
            piece(50, 2, at: 9, more: false, TestFrames.bytes(4)),
            piece(17, 3, at: 0, more: true, ports + TestFrames.bytes(5) + TestFrames.bytes(6)),
            piece(17, 3, at: 2, more: true, TestFrames.bytes(7) + TestFrames.bytes(8)),
            piece(17, 3, at: 3, more: false, TestFrames.bytes(9)),
        ]
        for frame in ours { try client.send(frame) }
        #expect(try receive(ours.count, from: &port) == ours)
    }

    /// "Fragmentation needed" about ESP, or ESP in UDP, comes; no other ICMP does.
    func takesTooBig(_ port: inout some FramePort & ~Copyable) throws {
        func error(_ code: UInt8, about number: UInt8, _ body: [UInt8]) -> [UInt8] {
            let quoted = TestFrames.ipv4(to: TestFrames.other, protocol: number, body: body).dropFirst(14)
            return TestFrames.ipv4(to: TestFrames.owned, protocol: 1, body: [3, code, 0, 0, 0, 0, 5, 0] + quoted)
        }
        let esp = TestFrames.bytes(0xC472_877A) + TestFrames.bytes(1)
        let ours = [
            error(4, about: 50, esp), error(4, about: 17, TestFrames.bytes(0x1194_4321) + TestFrames.bytes(0) + esp),
        ]
        let others = [error(1, about: 50, esp), TestFrames.echo(to: TestFrames.owned)]
        for frame in others + ours { try client.send(frame) }
        #expect(try receive(ours.count, from: &port) == ours)
        let passed = try kernel.receive(others.count) { others.contains($0) }
        #expect(passed == others)
    }

    /// Fragments of IKE and of everything else in UDP are the kernel's, also under an identification that was ESP's.
    func leavesOtherFragments(_ port: inout some FramePort & ~Copyable) throws {
        func piece(_ identification: UInt16, at offset: UInt16, more: Bool, _ body: [UInt8]) -> [UInt8] {
            TestFrames.piece(
                to: TestFrames.owned, protocol: 17, identification: identification, offset: offset, more: more, body)
        }
        let ports = TestFrames.bytes(0x4321_1194) + TestFrames.bytes(0x0020_0000)
        let others = [
            piece(3, at: 0, more: true, ports + TestFrames.bytes(0) + TestFrames.bytes(6)),
            piece(3, at: 2, more: false, TestFrames.bytes(7)), piece(4, at: 2, more: false, TestFrames.bytes(8)),
            piece(5, at: 0, more: true, TestFrames.bytes(0x4321_0035) + TestFrames.bytes(0x0020_0000)),
            piece(5, at: 1, more: false, TestFrames.bytes(9)),
        ]
        let own = TestFrames.esp(to: TestFrames.owned, number: 10)
        for frame in others + [own] { try client.send(frame) }
        #expect(try receive(1, from: &port) == [own])
        let passed = try kernel.receive(others.count) { others.contains($0) }
        #expect(passed == others)
    }

    /// The same of IPv6, whose ESP may stand behind extension headers: eight are looked through.
    func takesOnlyOursOfIPv6(_ port: inout some OwningPort & ~Copyable) throws {
        try port.own(TestFrames.owned6)
        let (owned, other) = (TestFrames.owned6, TestFrames.other6)
        func esp(_ number: UInt32, payload: Int = 40) -> [UInt8] {
            [0xC4, 0x72, 0x87, 0x7A] + TestFrames.bytes(number) + (0..<payload).map { UInt8(truncatingIfNeeded: $0) }
        }
        func udp(_ payload: [UInt8], port: UInt32 = 4500) -> [UInt8] {
            TestFrames.bytes(4500 << 16 | port) + TestFrames.bytes(UInt32(8 + payload.count) << 16) + payload
        }
        let routing: [UInt8] = [50, 0, 2, 0, 0, 0, 0, 0]
        func quoted(_ next: UInt8, _ body: [UInt8]) -> [UInt8] {
            Array(TestFrames.ipv6(to: other, next: next, body).dropFirst(14))
        }
        let tooBig: [UInt8] = [2, 0, 0, 0, 0, 0, 5, 0]
        let others = [
            TestFrames.ipv6(to: other, next: 50, esp(1)), TestFrames.ipv6(to: owned, next: 58, [128, 0, 0, 0]),
            TestFrames.ipv6(to: owned, next: 51, esp(2)), TestFrames.ipv6(to: owned, next: 17, udp([0, 0, 0, 0, 1])),
            TestFrames.ipv6(to: owned, next: 17, udp(esp(3), port: 500)),
            TestFrames.ipv6(to: owned, next: 60, TestFrames.options(9, then: 50, esp(4))),
            TestFrames.ipv6(to: owned, next: 60, TestFrames.options(1, then: 6, esp(5))),
            TestFrames.ipv6(to: owned, next: 58, [1, 0, 0, 0, 0, 0, 0, 0] + quoted(50, esp(12))),
        ]
        let ours = [
            TestFrames.ipv6(to: owned, next: 50, esp(6)), TestFrames.ipv6(to: owned, next: 50, esp(7, payload: 1400)),
            TestFrames.ipv6(to: owned, next: 60, TestFrames.options(1, then: 50, esp(8))),
            TestFrames.ipv6(to: owned, next: 58, tooBig + quoted(50, esp(13))),
            TestFrames.ipv6(to: owned, next: 58, tooBig + quoted(17, TestFrames.bytes(0x1194_4321) + esp(14))),
            TestFrames.ipv6(to: owned, next: 0, TestFrames.options(8, then: 50, esp(9))),
            TestFrames.ipv6(to: owned, next: 43, routing + esp(10)),
            TestFrames.ipv6(to: owned, next: 44, [50, 0, 0x12, 0x31, 0, 0, 0, 9] + esp(11)),
            TestFrames.ipv6(to: owned, next: 17, udp(esp(12))),
            TestFrames.ipv6(to: owned, next: 60, TestFrames.options(2, then: 17, udp(esp(13)))),
        ]
        for frame in others + ours { try client.send(frame) }
        #expect(try receive(ours.count, from: &port) == ours)
        #expect(try kernel.receive(others.count) { others.contains($0) } == others)
        try port.disown(TestFrames.owned6)
        let behind = TestFrames.esp(to: TestFrames.owned, number: 14)
        try client.send(ours[0])
        try client.send(behind)
        #expect(try receive(1, from: &port) == [behind])
    }

    /// An address is ours from the moment it is owned to the moment it is disowned.
    func ownsAndDisowns(_ port: inout some OwningPort & ~Copyable) throws {
        let other = TestFrames.esp(to: TestFrames.other, number: 1)
        let own = TestFrames.esp(to: TestFrames.owned, number: 2)
        try port.own(TestFrames.other)
        try client.send(other)
        try client.send(own)
        #expect(try receive(2, from: &port) == [other, own])
        try port.disown(TestFrames.other)
        try client.send(other)
        try client.send(own)
        #expect(try receive(1, from: &port) == [own])
        // Neither a second time nor without a first is it a fault.
        try port.disown(TestFrames.other)
        try port.own(TestFrames.owned)
    }

    /// A packet that grew beyond the trusted interface's MTU gets its verdict, and the one behind it goes out.
    func refusesOversized(_ port: inout some FramePort & ~Copyable) throws {
        var batch = PacketBatch()
        let sent = [
            TestFrames.esp(to: TestFrames.owned, number: 1, payload: 1472),
            TestFrames.esp(to: TestFrames.owned, number: 2, payload: 100),
        ]
        for frame in sent { try client.send(frame) }
        try waitUntil("two packets") {
            port.receive(into: &batch)
            return batch.count == 2
        }
        batch[0].start -= 4
        batch[0].byteCount += 4
        for index in 0..<2 { batch[index].verdict = .steered }
        port.transmit(&batch)
        #expect(batch[0].verdict == .oversized)
        #expect(batch[1].verdict == .steered)
        port.release(&batch)
        #expect(try target.receive(1) { $0 == sent[1] }.count == 1)
    }

    /// The longest frame that leaves the tailroom free comes, a byte more does not and is counted: also when the
    /// interface's MTU was raised behind the port's back.
    func keepsTheTailroom(_ port: inout some OwningPort & ~Copyable) throws {
        for (namespace, interface) in [(network.client, "far0"), (network.router, "client0")] {
            try run("ip", "-n", namespace, "link", "set", interface, "mtu", "3000")
        }
        let longest = port.memory.frameStride - 256 - Tailroom.byteCount
        func frame(_ byteCount: Int) -> [UInt8] {
            TestFrames.esp(to: TestFrames.owned, number: UInt32(byteCount), payload: byteCount - 42)
        }
        let sent = [longest + 1, longest, longest + 16, longest - 1].map(frame)
        for frame in sent { try client.send(frame) }
        #expect(try receive(2, from: &port) == [sent[1], sent[3]])
        #expect(port.statistics()["frame_too_long"] == 2)
    }

    /// Frames of the port's own go out as those do that came, many times as many as there are.
    func lends(_ port: inout some FramePort & ~Copyable) throws {
        var batch = PacketBatch(capacity: 3)
        for round in 0..<UInt32(4000) {
            let sent = (0..<3).map { TestFrames.esp(to: TestFrames.other, number: round * 3 + $0, payload: 40) }
            for frame in sent {
                // Those that are out come back when somebody asks.
                try waitUntil("a frame") { port.lend(to: &batch) }
                let index = batch.count - 1
                #expect(batch[index].start % port.memory.frameStride >= Headroom.byteCount)
                var bytes = port.memory.mutableBytes(at: batch[index].start, count: frame.count)
                for (offset, byte) in frame.enumerated() { bytes.store(byte, at: offset) }
                batch[index].byteCount = frame.count
                batch[index].verdict = .probed
            }
            let fourth = port.lend(to: &batch)
            #expect(!fourth, "the batch is full")
            port.transmit(&batch)
            for index in 0..<3 { #expect(batch[index].verdict == .probed) }
            port.release(&batch)
            if round % 100 == 0 { #expect(try target.receive(3) { sent.contains($0) } == sent) }
            while target.receive() != nil {}
        }
        // One that nobody sends comes back, too.
        let lent = port.lend(to: &batch)
        #expect(lent)
        batch[0].verdict = .noNeighbour
        port.release(&batch)
    }

    /// Packets go through, with a header put in front, for many times the size of any ring: none is lost, none is
    /// changed.
    func forwards(_ count: Int, through port: inout some FramePort & ~Copyable) throws {
        var batch = PacketBatch()
        let header: [UInt8] = (0..<28).map { UInt8(0xA0 + $0) }
        var next: UInt32 = 0
        while next < count {
            let sent = (0..<UInt32(min(256, count - Int(next)))).map {
                TestFrames.esp(to: TestFrames.owned, number: next + $0, payload: Int((next + $0) % 1200))
            }
            next += UInt32(sent.count)
            for frame in sent { try client.send(frame) }
            var arrived: [[UInt8]] = []
            try waitUntil("packets up to \(next), \(arrived.count) of \(sent.count) arrived") {
                port.receive(into: &batch)
                for index in 0..<batch.count {
                    batch[index].start -= header.count
                    batch[index].byteCount += header.count
                    var front = port.memory.mutableBytes(at: batch[index].start, count: header.count)
                    // A broadcast address, which every interface takes in.
                    for (offset, byte) in header.enumerated() { front.store(offset < 6 ? 0xFF : byte, at: offset) }
                    batch[index].verdict = .steered
                }
                port.transmit(&batch)
                for index in 0..<batch.count { #expect(batch[index].verdict == .steered) }
                port.release(&batch)
                while let frame = target.receive() {
                    if frame.starts(with: [255, 255, 255, 255, 255, 255] + header[6...]) { arrived.append(frame) }
                }
                if arrived.count < sent.count { port.wait(milliseconds: 10) }
                return arrived.count >= sent.count
            }
            try #require(arrived.map { [UInt8]($0.dropFirst(header.count)) } == sent)
        }
    }
}

func bytes(of packet: Packet, in memory: borrowing FrameMemory) -> [UInt8] {
    memory.bytes(at: packet.start, count: packet.byteCount).withUnsafeBytes { [UInt8]($0) }
}

/// A port that learns and forgets addresses.
protocol OwningPort: FramePort, ~Copyable {
    mutating func own(_ address: IPAddress) throws(PortFailure)
    mutating func disown(_ address: IPAddress) throws(PortFailure)
    mutating func statistics() -> [String: UInt64]
}

extension AFXDPPort: OwningPort {}
extension PacketSocketPort: OwningPort {}
extension RouterPort: OwningPort {}
