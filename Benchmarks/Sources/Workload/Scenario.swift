/// What is measured: how many SAs and connections the packets are spread over, and how long the packets inside are.
public struct Scenario: Sendable {
    public var associations: Int
    public var connections: Int
    /// Bytes of the IP packet inside the tunnel.
    public var innerByteCount: Int
    /// Packets in one pass. A uniform pass visits every connection at least once.
    public var packets: Int
    public var draw = Draw.uniform

    /// Which connections a pass's packets belong to.
    public enum Draw: String, Sendable {
        /// Every connection as likely as another.
        case uniform
        /// The k-th most frequent one 1/k times as often as the first.
        case zipf
    }

    public init(associations: Int, connections: Int, innerByteCount: Int, packets: Int? = nil) {
        self.associations = associations
        self.connections = connections
        self.innerByteCount = innerByteCount
        self.packets = packets ?? max(32_768, (connections * 5 / 4 + 255) / 256 * 256)
        precondition(connections >= associations && self.packets >= connections && self.packets % 64 == 0)
    }

    /// As in the figures' names: "256sa-4096conn/512B".
    public var name: String { "\(associations)sa-\(connections)conn/\(innerByteCount)B" }

    /// "256sa-4096conn/512B"; nil for anything else.
    public init?(name: String, packets: Int? = nil) {
        guard let match = name.wholeMatch(of: #/(\d+)sa-(\d+)conn/(\d+)B/#),
            let associations = Int(match.1), let connections = Int(match.2), let inner = Int(match.3)
        else { return nil }
        self.init(associations: associations, connections: connections, innerByteCount: inner, packets: packets)
    }

    public static let all: [Scenario] = [(1, 64), (256, 4_096), (1_000, 100_000)].flatMap { spread in
        [40, 512, 1_400].map { Scenario(associations: spread.0, connections: spread.1, innerByteCount: $0) }
    }
}

/// A generator of numbers that is the same in every run (SplitMix64).
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
