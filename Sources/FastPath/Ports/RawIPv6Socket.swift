internal import CBPF
internal import Glibc
internal import Wire

/// `RawIPSocket`'s half for IPv6. The kernel takes a packet's headers off, extension headers too, before a raw socket gets
/// it (RFC 3542 §3): source, destination and traffic class are written in front of it again, as a plain IPv6 header.
struct RawIPv6Socket: ~Copyable {
    private let receiver: FileDescriptor
    private let sender: FileDescriptor
    private let ipProtocol: UInt8
    private var incoming: MessageVector6
    private var outgoing: MessageVector6
    private var refusals = SendRefusals()
    private var sentCount: UInt64 = 0
    private var tooLongCount: UInt64 = 0

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
        return try RawIPv6Socket(
            receiver: owned, sender: FileDescriptor(owning: sender), ipProtocol: ipProtocol, interface: interface,
            mark: mark, bufferByteCount: bufferByteCount)
    }

    private init(
        receiver: consuming FileDescriptor, sender: consuming FileDescriptor, ipProtocol: UInt8, interface: String?,
        mark: UInt32?, bufferByteCount: Int32
    ) throws(PortFailure) {
        if let interface {
            let index = try NetworkInterface.index(of: interface)
            let failure = cbpf_set_option(receiver.number, SOL_SOCKET, SO_BINDTOIFINDEX, index)
            guard failure == 0 else { throw PortFailure("binding a raw socket to \(interface)", errno: failure) }
        }
        if let mark {
            let failure = cbpf_set_option(sender.number, SOL_SOCKET, SO_MARK, Int32(bitPattern: mark))
            guard failure == 0 else { throw PortFailure("marking what a raw socket sends", errno: failure) }
        }
        // Beyond the administrator's limit with CAP_NET_ADMIN, within it otherwise.
        if cbpf_set_option(receiver.number, SOL_SOCKET, SO_RCVBUFFORCE, bufferByteCount) != 0 {
            _ = cbpf_set_option(receiver.number, SOL_SOCKET, SO_RCVBUF, bufferByteCount)
        }
        if cbpf_set_option(sender.number, SOL_SOCKET, SO_SNDBUFFORCE, bufferByteCount) != 0 {
            _ = cbpf_set_option(sender.number, SOL_SOCKET, SO_SNDBUF, bufferByteCount)
        }
        let failure = cbpf_accept_nothing(sender.number)
        guard failure == 0 else { throw PortFailure("a raw socket to send IPv6 through", errno: failure) }
        self.receiver = receiver
        self.sender = sender
        self.ipProtocol = ipProtocol
        incoming = MessageVector6(capacity: PacketBatch.defaultCapacity)
        outgoing = MessageVector6(capacity: PacketBatch.defaultCapacity)
    }

    var fileDescriptor: Int32 { receiver.number }

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
            let received = incoming.receive(from: receiver.number)
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
                    if index < received { tooLongCount &+= 1 }
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
            outgoing.send(through: sender.number)
            var message = 0
            for index in first..<end where batch[index].verdict == verdict && batch[index].isIPv6(in: memory) {
                let refusal = outgoing.refusal(of: message)
                message += 1
                if refusal == 0 {
                    sentCount &+= 1
                    continue
                }
                refusals.count(refusal)
                batch[index].verdict = refusal == EMSGSIZE ? .oversized : .transmitQueueFull
            }
            first = end
        }
    }

    func statistics() -> [String: UInt64] {
        refusals.snapshot().merging(["sent": sentCount, "frame_too_long": tooLongCount]) { $1 }
    }
}
