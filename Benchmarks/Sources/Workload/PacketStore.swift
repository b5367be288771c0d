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

        public init(count: Int, frameByteCount: Int) {
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
        let order = Self.order(scenario, &dice)
        connections = order
        let inner = scenario.innerByteCount
        frames = Frames(count: order.count, frameByteCount: PacketMill.frameByteCount(inner: inner))
        for (index, connection) in order.enumerated() {
            mill.make(connection: connection, inner: inner, flags: PacketMill.ack, into: frames.frame(index))
        }
    }

    /// Which connection each packet of a pass belongs to.
    private static func order(_ scenario: Scenario, _ dice: inout Dice) -> [Int] {
        var order = Array(0..<scenario.connections)
        switch scenario.draw {
        case .uniform:
            // Every connection once, the rest of the pass at random; then all of it shuffled.
            while order.count < scenario.packets {
                order.append(Int.random(in: 0..<scenario.connections, using: &dice))
            }
            order.shuffle(using: &dice)
            return order
        case .zipf:
            // By the sums of 1/k, in which a random number is looked for; ranks are dealt out at random.
            order.shuffle(using: &dice)
            var sums: [Double] = []
            sums.reserveCapacity(order.count)
            for rank in 1...order.count { sums.append((sums.last ?? 0) + 1 / Double(rank)) }
            return (0..<scenario.packets).map { _ in
                let place = Double.random(in: 0..<sums.last!, using: &dice)
                var (low, high) = (0, sums.count - 1)
                while low < high {
                    let middle = (low + high) / 2
                    if sums[middle] > place { high = middle } else { low = middle + 1 }
                }
                return order[low]
            }
        }
    }
}
