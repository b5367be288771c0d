public import FastPath
import Wire

/// A port whose link is two lists: frames that arrive, frames that left.
public struct MemoryPort: ~Copyable, FramePort {
    public let memory: FrameMemory
    private var pool: FramePool
    public var arriving: [Bytes] = []
    public private(set) var sent: [Bytes] = []
    public let summary = "memory"

    public init(frameCount: Int = 256) {
        memory = FrameMemory(frameCount: frameCount, frameStride: 2240)
        pool = FramePool(frameCount: frameCount, frameStride: 2240)
    }

    /// Frames that nobody has.
    public var freeCount: Int { pool.count }

    public mutating func receive(into batch: inout PacketBatch) {
        while !arriving.isEmpty, lend(to: &batch) {
            let frame = arriving.removeFirst()
            let at = batch.count - 1
            var room = memory.mutableBytes(at: batch[at].start, count: frame.count)
            for (offset, byte) in frame.enumerated() { room.store(byte, at: offset) }
            batch[at].byteCount = frame.count
        }
    }

    public mutating func lend(to batch: inout PacketBatch) -> Bool {
        guard batch.room > 0, let frame = pool.take() else { return false }
        batch.append(Packet(start: frame + 256, byteCount: 0))
        return true
    }

    public mutating func transmit(_ batch: inout PacketBatch) {
        for at in 0..<batch.count where batch[at].verdict.steers {
            var frame: Bytes = []
            for offset in 0..<batch[at].byteCount {
                frame.append(memory.bytes(at: batch[at].start + offset, count: 1).byte(at: 0))
            }
            sent.append(frame)
        }
    }

    public mutating func release(_ batch: inout PacketBatch) {
        for at in 0..<batch.count { pool.give(batch[at].start) }
        batch.removeAll()
    }

    public mutating func wait(milliseconds: Int32) {}
}
