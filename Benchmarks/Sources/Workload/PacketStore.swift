import Wire

/// Sealed packets as they would come from the wire, one behind the other, made once and copied into frames from here. Nothing changes after
/// `init`, unless a caller writes into frames.
public final class PacketStore: @unchecked Sendable {
    public let scenario: Scenario
    public let cluster: Cluster
    /// One first segment (SYN) for each connection: fed first, so that the passes meet connections that are there.
    public let openings: Frames
    /// A pass: SAs and connections in random order, the sequence numbers of each SA ascending.
    public let frames: Frames
    /// The connection that each packet of the pass belongs to.
    let connections: [Int]
    public func connection(of packet: Int) -> Int { connections[packet] }

    /// Frames of one length in a block.
    public final class Frames: @unchecked Sendable {
        public let count: Int
        public let frameByteCount: Int
        let bytes: UnsafeMutableRawBufferPointer

        init(count: Int, frameByteCount: Int) {
            self.count = count
            self.frameByteCount = frameByteCount
            bytes = .allocate(byteCount: count * frameByteCount, alignment: 64)
        }

        deinit { bytes.deallocate() }

        /// All frames, one behind the other.
        public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
            try body(UnsafeRawBufferPointer(bytes))
        }

        public func frame(_ index: Int) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(rebasing: bytes[index * frameByteCount..<(index + 1) * frameByteCount])
        }
    }

    /// Where the ESP header begins in every frame.
    public static let espOffset = 34

    /// - Parameter seals: false to leave that to somebody else.
    public init(_ scenario: Scenario, seals: Bool = true, seed: UInt64 = 1) {
        self.scenario = scenario
        var dice = Dice(seed: seed)
        cluster = Cluster(scenario: scenario, dice: &dice)
        var mill = PacketMill(cluster: cluster, seals: seals)

        openings = Frames(count: scenario.connections, frameByteCount: PacketMill.frameByteCount(inner: 40))
        for connection in 0..<scenario.connections {
            mill.make(connection: connection, inner: 40, flags: PacketMill.syn, into: openings.frame(connection))
        }
        // Every connection once, the rest of the pass at random; then all of it shuffled.
        var order = Array(0..<scenario.connections)
        while order.count < scenario.packets { order.append(Int.random(in: 0..<scenario.connections, using: &dice)) }
        order.shuffle(using: &dice)
        connections = order
        let inner = scenario.innerByteCount
        frames = Frames(count: order.count, frameByteCount: PacketMill.frameByteCount(inner: inner))
        for (index, connection) in order.enumerated() {
            mill.make(connection: connection, inner: inner, flags: PacketMill.ack, into: frames.frame(index))
        }
    }
}
