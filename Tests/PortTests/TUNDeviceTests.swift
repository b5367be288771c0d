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
            let written = request.withUnsafeBytes { device.write(RawSpan(_unsafeBytes: $0)) }
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
                _ = request.withUnsafeBytes { device.write(RawSpan(_unsafeBytes: $0)) }
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
                _ = request.withUnsafeBytes { device.write(RawSpan(_unsafeBytes: $0)) }
            }
            var batch = PacketBatch()
            try waitUntil("the packet that fits") {
                device.receive(into: &batch, memory: memory, pool: &pool)
                return batch.count == 1
            }
            #expect(batch[0].byteCount == room)
            #expect(device.statistics() == ["frame_too_long": 2])
            #expect(pool.count == 3)
        }
    }

    @Test func saysWhenTheHostDoesNotTakeIt() throws {
        let network = try TestNetwork()
        try inNamespace(network.router) {
            // The device is down.
            var device = try TUNDevice()
            let request = TestPackets.echo(from: "10.71.0.2", to: "10.71.0.1", payload: 8)
            let written = request.withUnsafeBytes { device.write(RawSpan(_unsafeBytes: $0)) }
            #expect(!written)
            #expect(device.statistics() == ["send_refused_EIO": 1, "frame_too_long": 0])
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
}
