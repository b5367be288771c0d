internal import Associations
public import Wire

/// One packet on its way: where its frame is, and what the stages found out. Plain bytes, so that a batch is one block
/// of memory taken at start.
public struct Packet: BitwiseCopyable {
    /// Offset of the first byte in `FrameMemory`: the Ethernet header, or the IP header on ports without one. Moves to
    /// the front when a header is put around the packet.
    public var start: Int
    /// Bytes from `start` on.
    public var byteCount: Int
    public var verdict: Verdict = .pending
    /// What is to be remembered of the packet's headers for its verdict.
    var hasOptions = false
    /// Offset of the outer IP header from `start`.
    var ipOffset: Int32 = 0
    /// Offset of the ESP header from `start`.
    var espOffset: Int32 = 0
    /// Bytes of the ESP packet, header to ICV.
    var espByteCount: Int32 = 0
    /// As the ESP header has it.
    var spi = SPI(rawValue: 0)
    /// Index of the SA in the table that knows it.
    var association: Int32 = 0
    /// Index of the target.
    public internal(set) var target: Int32 = -1
    /// The full 64-bit number; its upper half is 0 without ESN.
    var sequenceNumber: UInt64 = 0
    /// A packet takes a cache line, so that finding it is a shift.
    private var room: UInt64 = 0

    public init(start: Int, byteCount: Int) {
        self.start = start
        self.byteCount = byteCount
    }
}

/// The connection that a packet belongs to, `remote` being the peer's side.
public struct Flow: Hashable, Sendable, BitwiseCopyable {
    public var remote: IPAddress
    public var local: IPAddress
    public var remotePort: UInt16
    public var localPort: UInt16
    /// IANA protocol number.
    public var ipProtocol: UInt8
    /// TCP flags as in the header's byte 13; 0 for other protocols.
    public var tcpFlags: UInt8

    public init(
        remote: IPAddress, local: IPAddress, remotePort: UInt16, localPort: UInt16, ipProtocol: UInt8,
        tcpFlags: UInt8 = 0
    ) {
        self.remote = remote
        self.local = local
        self.remotePort = remotePort
        self.localPort = localPort
        self.ipProtocol = ipProtocol
        self.tcpFlags = tcpFlags
    }

    init(_ name: ConnectionName) {
        self.init(
            remote: name.remote, local: name.local, remotePort: name.remotePort, localPort: name.localPort,
            ipProtocol: name.ipProtocol)
    }

    /// The same connection with the ends exchanged: of a packet that we send, source and destination.
    var reversed: Flow {
        Flow(
            remote: local, local: remote, remotePort: localPort, localPort: remotePort, ipProtocol: ipProtocol,
            tcpFlags: tcpFlags)
    }

    static let none = Flow(
        remote: IPAddress(high: 0, low: 0), local: IPAddress(high: 0, low: 0), remotePort: 0, localPort: 0,
        ipProtocol: 0)
}

/// Up to `capacity` packets that go through every stage together. A port fills it, the router decides, the port empties it.
public struct PacketBatch: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0
    /// For the stages, which take a view of them.
    var packets: Slab<Packet>
    /// Some packet is IPv6 outside.
    var hasIPv6 = false

    /// Packets in a batch unless told otherwise: large enough that a stage's instructions and multi-buffer ciphers pay,
    /// small enough that a batch's state stays in the first-level cache.
    public static let defaultCapacity = 64

    public init(capacity: Int = defaultCapacity) {
        self.capacity = capacity
        packets = Slab(repeating: Packet(start: 0, byteCount: 0), count: capacity)
    }

    public var isEmpty: Bool { count == 0 }
    public var room: Int { capacity - count }

    /// Traps when the batch is full.
    @inline(__always)
    public mutating func append(_ packet: Packet) {
        packets[count] = packet
        count += 1
    }

    /// Forgets the packets; their frames must have been given back.
    @inline(__always)
    public mutating func removeAll() {
        count = 0
        hasIPv6 = false
    }

    /// Keeps the packets that are still pending, in their order; the frames of the others must have been given back.
    public mutating func removeDecided() {
        var kept = 0
        for index in 0..<count where packets[index].verdict == .pending {
            if kept != index { packets[kept] = packets[index] }
            kept += 1
        }
        count = kept
    }

    /// Forgets the last packets; their frames must have been given back. Traps when there are not as many.
    @inline(__always)
    mutating func removeLast(_ packetCount: Int) {
        precondition(packetCount >= 0 && packetCount <= count)
        count -= packetCount
    }

    @inline(__always)
    public subscript(index: Int) -> Packet {
        _read { yield packets[index] }
        _modify { yield &packets[index] }
    }
}
