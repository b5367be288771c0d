internal import CBPF
internal import Glibc
internal import Wire

/// A host's way to speak one IP protocol past its own stack: a raw socket that receives the protocol's packets (GRE,
/// 47, or ESP, 50), reassembled and with their IPv4 header, and one that sends whole IPv4 packets as they
/// are (IP_HDRINCL). Where the kernel has IPv6, the same beside it (`RawIPv6Socket`): a batch mixes both.
///
/// While it is open the kernel does not answer the protocol with "protocol unreachable".
public struct RawIPSocket: ~Copyable {
    private var sockets: RawSocketPair
    private var other: RawIPv6Socket?
    private var incoming: MessageVector
    private var outgoing: MessageVector

    /// - Parameters:
    ///   - ipProtocol: IANA protocol number of what is received; anything can be sent.
    ///   - interface: packets are taken from this interface only; from any when nil.
    ///   - mark: SO_MARK of what is sent, for policy routing.
    ///   - bufferByteCount: what the kernel keeps for us each way while we are busy.
    public init(
        ipProtocol: UInt8, interface: String? = nil, mark: UInt32? = nil, bufferByteCount: Int32 = 4 << 20
    ) throws(PortFailure) {
        let other = try RawIPv6Socket.open(
            ipProtocol: ipProtocol, interface: interface, mark: mark, bufferByteCount: bufferByteCount)
        let receiver = try Self.rawSocket(Int32(ipProtocol))
        let sender = try Self.rawSocket(Int32(IPPROTO_RAW))
        sockets = try RawSocketPair(
            receiver: receiver, sender: sender, interface: interface, mark: mark, bufferByteCount: bufferByteCount)
        self.other = other
        incoming = MessageVector(capacity: PacketBatch.defaultCapacity)
        outgoing = MessageVector(capacity: PacketBatch.defaultCapacity)
    }

    private static func rawSocket(_ number: Int32) throws(PortFailure) -> FileDescriptor {
        let descriptor = socket(AF_INET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), number)
        guard descriptor >= 0 else { throw PortFailure("a raw socket for IP protocol \(number)", errno: errno) }
        return FileDescriptor(owning: descriptor)
    }

    /// Of the receiving sockets, for poll.
    public var fileDescriptors: [Int32] {
        switch other {
        case .some(let other): [sockets.receiver.number, other.fileDescriptor]
        case .none: [sockets.receiver.number]
        }
    }

    /// Appends what has arrived, up to the batch's and the pool's room; never blocks. A packet starts at its IP header and
    /// has `HostRoom` around it (the IPv6 header lies in the front room); one that leaves no such room in its frame is dropped
    /// and counted.
    public mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        if other != nil { other!.receive(into: &batch, memory: memory, pool: &pool) }
        receive4(into: &batch, memory: memory, pool: &pool)
    }

    private mutating func receive4(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        let room = memory.frameStride - HostRoom.front - HostRoom.back
        while batch.room > 0 {
            let first = batch.count
            // The packets are put into the batch before they are there, with their frames, and cut to what came.
            incoming.removeAll()
            while batch.room > 0, incoming.count < incoming.capacity, let frame = pool.take() {
                incoming.append(at: frame + HostRoom.front, count: room, of: memory)
                batch.append(Packet(start: frame + HostRoom.front, byteCount: room))
            }
            let offered = incoming.count
            let received = incoming.receive(from: sockets.receiver.number)
            var kept = first
            for index in 0..<offered {
                let packet = batch[first + index]
                if index < received, let count = incoming.byteCount(of: index) {
                    batch[kept] = Packet(start: packet.start, byteCount: count)
                    kept += 1
                } else {
                    if index < received { sockets.countTooLong() }
                    pool.give(packet.start)
                }
            }
            batch.removeLast(batch.count - kept)
            if received < offered || offered == 0 { return }
        }
    }

    /// Sends the packets of the batch that have this verdict: whole packets, to the destination in their header;
    /// the kernel fills in the IPv4 header's checksum. One that is not taken gets `oversized` (it exceeds the interface's MTU)
    /// or `transmitQueueFull`. Traps when a packet is shorter than its header.
    public mutating func send(_ batch: inout PacketBatch, having verdict: Verdict, memory: borrowing FrameMemory) {
        if other != nil { other!.send(&batch, having: verdict, memory: memory) }
        var first = 0
        while first < batch.count {
            outgoing.removeAll()
            var end = first
            while end < batch.count && outgoing.count < outgoing.capacity {
                if batch[end].verdict == verdict && !batch[end].isIPv6(in: memory) {
                    let packet = batch[end]
                    let header = memory.bytes(at: packet.start, count: packet.byteCount)
                    outgoing.append(
                        at: packet.start, count: packet.byteCount, of: memory, to: header.bigEndian32(at: 16))
                }
                end += 1
            }
            outgoing.send(through: sockets.sender.number)
            var message = 0
            for index in first..<end where batch[index].verdict == verdict && !batch[index].isIPv6(in: memory) {
                sockets.note(outgoing.refusal(of: message), of: &batch[index])
                message += 1
            }
            first = end
        }
    }

    /// Packets sent, and what was dropped, by reason.
    public func statistics() -> [String: UInt64] {
        let ours = sockets.statistics()
        switch other {
        case .some(let other): return ours.merging(other.statistics()) { $0 + $1 }
        case .none: return ours
        }
    }
}
