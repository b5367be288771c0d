import Commands
import Foundation
import Testing
import Wire

@testable import FastPath

@Suite(.serialized) struct TUNDeviceTests {
    /// An echo request written into the device is answered by the host through it.
    @Test func hostAnswersThroughTheDevice() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var device = try TUNDevice(name: "vpt%d")
            #expect(device.name == "vpt0")
            try run("ip", "address", "add", "10.71.0.1/24", "dev", device.name)
            try run("ip", "link", "set", device.name, "up")
            let memory = FrameMemory(frameCount: 64, frameStride: 2240)
            var pool = FramePool(frameCount: 64, frameStride: 2240)
            var batch = PacketBatch()

            let request = TestPackets.echo(from: "10.71.0.2", to: "10.71.0.1", payload: 1000)
            let written = write(request, to: &device)
            #expect(written)
            var answers: [[UInt8]] = []
            try waitUntil("an echo reply") {
                device.receive(into: &batch, memory: memory, pool: &pool)
                for index in 0..<batch.count {
                    #expect(batch[index].start % 2240 == HostRoom.front)
                    answers.append(bytes(of: batch[index], in: memory))
                    pool.give(batch[index].start)
                }
                batch.removeAll()
                return !answers.isEmpty
            }
            #expect(answers.count == 1)
            #expect(answers[0].count == request.count)
            #expect(answers[0][20] == 0)
            #expect(answers[0][12..<16] == [10, 71, 0, 1])
            #expect(answers[0][28...] == request[28...])
            #expect(pool.count == 64)
        }
    }

    /// More packets than the batch, then more than the pool, has room for stay in the device until there is room.
    @Test func takesNoMoreThanThereIsRoomFor() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var device = try TUNDevice()
            try run("ip", "address", "add", "10.71.0.1/24", "dev", device.name)
            try run("ip", "link", "set", device.name, "up")
            let memory = FrameMemory(frameCount: 6, frameStride: 2240)
            var pool = FramePool(frameCount: 6, frameStride: 2240)
            for number in 0..<10 {
                let request = TestPackets.echo(from: "10.71.0.2", to: "10.71.0.1", payload: number)
                _ = write(request, to: &device)
            }
            // Their lengths tell them apart.
            var lengths: [Int] = []
            for capacity in [4, 4] {
                var batch = PacketBatch(capacity: capacity)
                try waitUntil("a full batch or an empty pool") {
                    device.receive(into: &batch, memory: memory, pool: &pool)
                    return batch.room == 0 || pool.count == 0
                }
                lengths += (0..<batch.count).map { batch[$0].byteCount - 28 }
            }
            #expect(lengths == [0, 1, 2, 3, 4, 5])
            for frame in 0..<6 { pool.give(frame * 2240) }
            var batch = PacketBatch()
            try waitUntil("the rest") {
                device.receive(into: &batch, memory: memory, pool: &pool)
                return batch.count == 4
            }
            #expect((0..<4).map { batch[$0].byteCount - 28 } == [6, 7, 8, 9])
        }
    }

    @Test func countsWhatDoesNotFit() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            var device = try TUNDevice()
            try run("ip", "address", "add", "10.71.0.1/24", "dev", device.name)
            try run("ip", "link", "set", device.name, "mtu", "3000", "up")
            let room = 2240 - HostRoom.front - HostRoom.back
            let memory = FrameMemory(frameCount: 4, frameStride: 2240)
            var pool = FramePool(frameCount: 4, frameStride: 2240)
            for byteCount in [room + 1, 3000, room] {
                let request = TestPackets.echo(from: "10.71.0.2", to: "10.71.0.1", payload: byteCount - 28)
                _ = write(request, to: &device)
            }
            var batch = PacketBatch()
            try waitUntil("the packet that fits") {
                device.receive(into: &batch, memory: memory, pool: &pool)
                return batch.count == 1
            }
            #expect(batch[0].byteCount == room)
            #expect(device.statistics()["frame_too_long"] == 2)
            #expect(pool.count == 3)
        }
    }

    @Test func saysWhenTheHostDoesNotTakeIt() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            // The device is down.
            var device = try TUNDevice()
            let request = TestPackets.echo(from: "10.71.0.2", to: "10.71.0.1", payload: 8)
            let written = write(request, to: &device)
            #expect(!written)
            #expect(
                device.statistics() == [
                    "send_refused_EIO": 1, "frame_too_long": 0, "malformed_piece": 0, "segments_split": 0,
                    "segments_joined": 0,
                ])
        }
    }

    @Test func refusesAName() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            let long = #expect(throws: PortFailure.self) { _ = try TUNDevice(name: "a-name-of-16-byte") }
            #expect(long?.description == "a-name-of-16-byte: an interface's name has at most 15 bytes")
            let first = try TUNDevice(name: "vpt-one")
            let second = #expect(throws: PortFailure.self) { _ = try TUNDevice(name: "vpt-one") }
            #expect(second?.description == "opening TUN device vpt-one: Device or resource busy (errno 16)")
            _ = first.name
        }
    }

    /// Two hosts talk TCP through two devices, in pieces or one by one: what arrives is what was sent.
    @Test(arguments: [true, false]) func hostsTalkThroughTwoDevices(offload: Bool) throws {
        let network = try TestNetwork()
        func device(_ namespace: String, _ address: String) throws -> TUNDevice {
            try inNamespace(namespace) {
                let device = try TUNDevice(name: "vpt", offload: offload)
                try run("ip", "address", "add", address + "/24", "dev", "vpt")
                try run("ip", "link", "set", "vpt", "mtu", "1400", "up")
                return device
            }
        }
        var near = try device(network.client, "10.71.0.1")
        var far = try device(network.target, "10.71.0.2")
        let listening = try Command(["ip", "netns", "exec", network.target, "python3", "-c", Self.receiver])
        let sending = try Command(["ip", "netns", "exec", network.client, "python3", "-c", Self.sender])
        let memory = FrameMemory(frameCount: 256, frameStride: 2240)
        var pool = FramePool(frameCount: 256, frameStride: 2240)
        try waitUntil("all of it to be there", seconds: 60) {
            Self.carry(from: &near, to: &far, memory, &pool)
            Self.carry(from: &far, to: &near, memory, &pool)
            return sending.isOver && listening.isOver
        }
        let (sent, received) = (sending.finish(), listening.finish())
        #expect(sent.status == 0 && received.status == 0, "\(sent.errors)\(received.errors)")
        #expect(sent.output == received.output && sent.output.contains("3000000"))
        let (split, joined) = (near.statistics()["segments_split"]!, far.statistics()["segments_joined"]!)
        #expect(offload ? split > 1000 && joined > 1000 : split == 0 && joined == 0)
        #expect(near.statistics()["malformed_piece"] == 0 && near.statistics()["frame_too_long"] == 0)
        #expect(pool.count == 256)
    }

    private static func carry(
        from source: inout TUNDevice, to sink: inout TUNDevice, _ memory: borrowing FrameMemory, _ pool: inout FramePool
    ) {
        var batch = PacketBatch()
        source.receive(into: &batch, memory: memory, pool: &pool)
        for index in 0..<batch.count { batch[index].verdict = .delivered }
        sink.write(&batch, from: memory)
        for index in 0..<batch.count { pool.give(batch[index].start) }
    }

    private static let sender = """
        import hashlib, random, socket, time
        data = random.Random(7).randbytes(3000000)
        end = time.monotonic() + 50
        while True:
            try:
                peer = socket.create_connection(("10.71.0.2", 7000), timeout=50)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < end
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1)
        print(len(data), hashlib.sha256(data).hexdigest())
        """
    private static let receiver = """
        import hashlib, socket
        listener = socket.create_server(("10.71.0.2", 7000))
        listener.settimeout(50)
        peer, _ = listener.accept()
        data = b"".join(iter(lambda: peer.recv(65536), b""))
        print(len(data), hashlib.sha256(data).hexdigest())
        """
}

/// Whether the host took it.
private func write(_ packet: [UInt8], to device: inout TUNDevice) -> Bool {
    let memory = FrameMemory(frameCount: 1, frameStride: 4096)
    var bytes = memory.mutableBytes(at: 0, count: packet.count)
    for (at, byte) in packet.enumerated() { bytes.store(byte, at: at) }
    var batch = PacketBatch()
    batch.append(Packet(start: 0, byteCount: packet.count))
    batch[0].verdict = .delivered
    device.write(&batch, from: memory)
    return batch[0].verdict == .delivered
}
