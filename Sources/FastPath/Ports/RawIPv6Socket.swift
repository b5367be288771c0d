internal import CBPF
internal import Glibc
internal import Wire

/// `RawIPSocket`'s half for IPv6. The kernel takes a packet's headers off, extension headers too, before a raw socket gets
/// it (RFC 3542 §3): source, destination and traffic class are written in front of it again, as a plain IPv6 header.
struct RawIPv6Socket: ~Copyable {
    private var sockets: RawSocketPair
    private let ipProtocol: UInt8
    private var incoming: MessageVector6
    private var outgoing: MessageVector6

    /// nil where the kernel has no IPv6. The parameters are as for `RawIPSocket`.
    static func open(
        ipProtocol: UInt8, interface: String?, mark: UInt32?, bufferByteCount: Int32
    ) throws(PortFailure) -> RawIPv6Socket? {
        let receiver = cbpf_raw_ipv6(Int32(ipProtocol))
        guard receiver != -EAFNOSUPPORT else { return nil }
        guard receiver >= 0 else { throw PortFailure("a raw socket for IPv6 and \(ipProtocol)", errno: receiver) }
        let owned = FileDescriptor(owning: receiver)
        let sender = cbpf_raw_ipv6(Int32(IPPROTO_RAW))
        guard sender >= 0 else { throw PortFailure("a raw socket to send IPv6 through", errno: sender) }
        return RawIPv6Socket(
            try RawSocketPair(
                receiver: owned, sender: FileDescriptor(owning: sender), family: "IPv6 ", interface: interface,
                mark: mark, bufferByteCount: bufferByteCount), ipProtocol: ipProtocol)
    }

    private init(_ sockets: consuming RawSocketPair, ipProtocol: UInt8) {
        self.sockets = sockets
        self.ipProtocol = ipProtocol
        incoming = MessageVector6(capacity: PacketBatch.defaultCapacity)
        outgoing = MessageVector6(capacity: PacketBatch.defaultCapacity)
    }

    var fileDescriptor: Int32 { sockets.receiver.number }

    mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        let room = memory.frameStride - HostRoom.front - HostRoom.back
        while batch.room > 0 {
            let first = batch.count
            // As for IPv4: the packets are put into the batch before they are there, and cut to what came.
            incoming.removeAll()
            while batch.room > 0, incoming.count < incoming.capacity, let frame = pool.take() {
                incoming.append(at: frame + HostRoom.front, count: room, of: memory, to: nil)
                batch.append(Packet(start: frame + HostRoom.front, byteCount: room))
            }
            let offered = incoming.count
            let received = incoming.receive(from: sockets.receiver.number)
            var kept = first
            for index in 0..<offered {
                let packet = batch[first + index]
                if index < received, let found = incoming.found(index) {
                    let start = packet.start - IPv6Header.byteCount
                    IPv6Rewriting.write(
                        at: start, payloadByteCount: found.byteCount, trafficClass: found.trafficClass,
                        source: found.source, destination: found.destination, nextHeader: ipProtocol, in: memory)
                    batch[kept] = Packet(start: start, byteCount: IPv6Header.byteCount + found.byteCount)
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

    mutating func send(_ batch: inout PacketBatch, having verdict: Verdict, memory: borrowing FrameMemory) {
        var first = 0
        while first < batch.count {
            outgoing.removeAll()
            var end = first
            while end < batch.count && outgoing.count < outgoing.capacity {
                let packet = batch[end]
                end += 1
                guard packet.verdict == verdict && packet.isIPv6(in: memory) else { continue }
                let header = memory.bytes(at: packet.start, count: IPv6Header.byteCount)
                outgoing.append(
                    at: packet.start, count: packet.byteCount, of: memory,
                    to: IPAddress(v6: header, at: IPv6Header.Offset.destination))
            }
            outgoing.send(through: sockets.sender.number)
            var message = 0
            for index in first..<end where batch[index].verdict == verdict && batch[index].isIPv6(in: memory) {
                sockets.note(outgoing.refusal(of: message), of: &batch[index])
                message += 1
            }
            first = end
        }
    }

    func statistics() -> [String: UInt64] {
        sockets.statistics()
    }
}
