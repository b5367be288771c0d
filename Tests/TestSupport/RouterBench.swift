import Associations
import FastPath
import Wire

/// Which ciphers a router under test is to use.
public enum Provider: Sendable, CaseIterable {
    case multiBuffer, openSSL

    /// Those that this machine has.
    public static var available: [Provider] { MultiBufferCiphers(capacity: 1) == nil ? [.openSSL] : allCases }

    public func make(capacity: Int, batchCapacity: Int = PacketBatch.defaultCapacity) -> CipherProvider {
        switch self {
        case .multiBuffer: .multiBuffer(MultiBufferCiphers(capacity: capacity, batchCapacity: batchCapacity)!)
        case .openSSL: .openSSL(OpenSSLCiphers(capacity: capacity))
        }
    }
}

/// A packet's end: what the router said of it, and the frame as it left.
public struct Outcome: Equatable, Sendable {
    public var verdict: Verdict
    public var target: Int?
    public var flow: Flow?
    /// The frame that goes out, or the frame as it lies there after a refusal.
    public var bytes: Bytes
}

/// A router on a table: frames in, outcomes out.
public struct RouterBench: ~Copyable {
    public var router: Router
    public let memory: FrameMemory
    public var batch: PacketBatch
    public var now: UInt32 = 1000
    static let stride = 4096
    static let headroom = 256

    public init(_ configuration: RouterConfiguration, _ provider: Provider = .openSSL) {
        router = Router(
            configuration,
            ciphers: provider.make(
                capacity: configuration.associationCapacity, batchCapacity: configuration.batchCapacity))
        memory = FrameMemory(frameCount: configuration.batchCapacity, frameStride: Self.stride)
        batch = PacketBatch(capacity: configuration.batchCapacity)
    }

    /// One batch.
    public mutating func send(_ frames: [Bytes]) -> [Outcome] {
        for (index, frame) in frames.enumerated() {
            let start = index * Self.stride + Self.headroom
            write(frame, at: start)
            batch.append(Packet(start: start, byteCount: frame.count))
        }
        router.process(&batch, in: memory, now: now)
        router.account(batch)
        var outcomes: [Outcome] = []
        for index in 0..<batch.count {
            let packet = batch[index]
            outcomes.append(
                Outcome(
                    verdict: packet.verdict, target: packet.verdict.steers ? Int(packet.target) : nil,
                    flow: packet.verdict.steers ? router.flow(ofPacket: index) : nil,
                    bytes: read(at: packet.start, count: packet.byteCount)))
        }
        batch.removeAll()
        return outcomes
    }

    public mutating func send(_ frame: Bytes) -> Outcome { send([frame])[0] }

    func write(_ frame: Bytes, at start: Int) {
        var bytes = memory.mutableBytes(at: start, count: frame.count)
        for (index, byte) in frame.enumerated() { bytes.store(byte, at: index) }
    }

    func read(at start: Int, count: Int) -> Bytes {
        let bytes = memory.bytes(at: start, count: count)
        return (0..<count).map { bytes.byte(at: $0) }
    }
}
