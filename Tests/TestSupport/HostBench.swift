import Associations
import FastPath
import Wire

/// A host on a table: packets in both directions, without a network.
public struct HostBench: ~Copyable {
    public var host: Host
    public let memory: FrameMemory
    public var batch = PacketBatch()
    static let stride = 4096
    static let headroom = 256

    public init(_ configuration: HostConfiguration, _ provider: Provider = .openSSL) {
        let capacity = configuration.associationCapacity
        host = Host(
            configuration, inbound: provider.make(capacity: capacity), outbound: provider.make(capacity: capacity))
        memory = FrameMemory(frameCount: PacketBatch.defaultCapacity, frameStride: Self.stride)
    }

    public struct Result: Equatable, Sendable {
        public var verdict: Verdict
        public var bytes: Bytes

        public init(verdict: Verdict, bytes: Bytes) {
            self.verdict = verdict
            self.bytes = bytes
        }
    }

    public mutating func open(_ packets: [Bytes], now: UInt64 = 0) -> [Result] {
        fill(packets)
        host.open(&batch, in: memory, now: now)
        return empty()
    }

    public mutating func open(_ packet: Bytes, now: UInt64 = 0) -> Result { open([packet], now: now)[0] }

    public mutating func seal(_ packets: [Bytes], now: UInt64 = 0, sentAt: UInt64? = nil) -> [Result] {
        fill(packets)
        host.seal(&batch, in: memory, now: now)
        host.withholdLate(&batch, now: sentAt ?? now)
        return empty()
    }

    public mutating func seal(_ packet: Bytes, now: UInt64 = 0) -> Result { seal([packet], now: now)[0] }

    private mutating func fill(_ packets: [Bytes]) {
        for (index, packet) in packets.enumerated() {
            let start = index * Self.stride + Self.headroom
            var bytes = memory.mutableBytes(at: start, count: packet.count)
            for (offset, byte) in packet.enumerated() { bytes.store(byte, at: offset) }
            batch.append(Packet(start: start, byteCount: packet.count))
        }
    }

    private mutating func empty() -> [Result] {
        host.account(batch)
        var results: [Result] = []
        for index in 0..<batch.count {
            let bytes = memory.bytes(at: batch[index].start, count: batch[index].byteCount)
            results.append(
                Result(verdict: batch[index].verdict, bytes: (0..<batch[index].byteCount).map { bytes.byte(at: $0) }))
        }
        batch.removeAll()
        return results
    }
}
