internal import CBPF
internal import Glibc
public import Wire

/// The router's port where AF_XDP cannot be had: packets come from a TPACKET_V3 ring, are copied into frames, and leave
/// by a packet socket past the queueing discipline. The kernel still sees every packet; a raw socket for ESP that
/// hears nothing keeps it from answering ours with "protocol unreachable".
///
/// A packet that comes from this machine's own stack may have a transport checksum that is not filled in yet, and one
/// that came through GRO may be several in one. ESP has neither; do not widen the filter without thinking of it.
public struct PacketSocketPort: ~Copyable, FramePort {
    private var blocks: ReceiveBlocks
    private let sender: FileDescriptor
    private let silencer: FileDescriptor
    /// Of IPv6; nil where the kernel has none.
    private let silencer6: FileDescriptor?
    private var owned = OwnedAddresses()
    public let memory: FrameMemory
    private var pool: FramePool
    private var messages: MessageVector
    public let summary: String
    private let longestReceived: Int
    private let longestSent: Int
    private var refused = ReceiveBlocks.Refused()
    private var heldCount = 0
    private var seenCount: UInt64 = 0
    private var droppedCount: UInt64 = 0

    static let headroom = 256

    /// Opens the port.
    ///
    /// - Parameters:
    ///   - ownedAddresses: the DVIPAs and tunnel endpoints to begin with.
    ///   - frameCount: frames in the memory; a batch needs as many as it has packets.
    ///   - frameStride: bytes of a frame; 2,240 puts headers into different cache sets.
    public init(
        clientInterface: String, trustedInterface: String, ownedAddresses: [IPAddress], frameCount: Int = 1024,
        frameStride: Int = 2240
    ) throws(PortFailure) {
        let client = try NetworkInterface(clientInterface)
        let trusted = try NetworkInterface(trustedInterface)
        let longest = frameStride - Self.headroom - Tailroom.byteCount
        guard client.longestFrame <= longest else {
            let fits = longest - NetworkInterface.longestLinkHeader
            throw PortFailure(
                "\(client.name)'s MTU of \(client.mtu) does not fit frames of \(frameStride) bytes: "
                    + "set it to \(fits) or less (ip link set \(client.name) mtu \(fits))")
        }
        var owned = OwnedAddresses()
        for address in ownedAddresses { try owned.insert(address) }

        // Protocol 0 hears nothing until it is bound: no packet comes past the filter or around the ring.
        let receiver = try Self.packetSocket("receiving on \(client.name)")
        var failure = cbpf_accept_esp(receiver.number)
        guard failure == 0 else { throw PortFailure("filtering on \(client.name)", errno: failure) }
        failure = cbpf_set_option(receiver.number, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        guard failure == 0 else { throw PortFailure("PACKET_IGNORE_OUTGOING on \(client.name)", errno: failure) }
        let blocks = try ReceiveBlocks(on: receiver, interface: client.name)
        // All protocols: a socket for IPv4 alone is not shown the packets that bear a VLAN tag.
        failure = cbpf_bind_packet(blocks.number, client.index, UInt16(ETH_P_ALL))
        guard failure == 0 else { throw PortFailure("receiving on \(client.name)", errno: failure) }

        let sender = try Self.packetSocket("sending on \(trusted.name)")
        failure = cbpf_bind_packet(sender.number, trusted.index, 0)
        guard failure == 0 else { throw PortFailure("sending on \(trusted.name)", errno: failure) }
        // Where the option is unknown, packets take the longer way.
        _ = cbpf_set_option(sender.number, SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        _ = cbpf_set_option(sender.number, SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)

        let raw = socket(AF_INET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), Int32(IPPROTO_ESP))
        guard raw >= 0 else { throw PortFailure("a raw socket for ESP", errno: errno) }
        let silencer = FileDescriptor(owning: raw)
        failure = cbpf_accept_nothing(silencer.number)
        guard failure == 0 else { throw PortFailure("a raw socket for ESP", errno: failure) }
        let silencer6 = try Self.silencer6()

        self.init(
            blocks: blocks, sender: sender, silencer: silencer, silencer6: silencer6, owned: owned,
            memory: FrameMemory(frameCount: frameCount, frameStride: frameStride), client: client, trusted: trusted,
            longestReceived: longest)
    }

    private init(
        blocks: consuming ReceiveBlocks, sender: consuming FileDescriptor, silencer: consuming FileDescriptor,
        silencer6: consuming FileDescriptor?, owned: consuming OwnedAddresses, memory: consuming FrameMemory,
        client: NetworkInterface,
        trusted: NetworkInterface, longestReceived: Int
    ) {
        self.blocks = blocks
        self.sender = sender
        self.silencer = silencer
        self.silencer6 = silencer6
        self.owned = owned
        pool = FramePool(frameCount: memory.frameCount, frameStride: memory.frameStride)
        messages = MessageVector(capacity: PacketBatch.defaultCapacity)
        self.memory = memory
        summary = "packet socket on \(client.name), TPACKET_V3, to \(trusted.name)"
        longestSent = trusted.mtu + 14
        self.longestReceived = longestReceived
    }

    private static func silencer6() throws(PortFailure) -> FileDescriptor? {
        let raw = cbpf_raw_ipv6(Int32(IPPROTO_ESP))
        guard raw != -EAFNOSUPPORT else { return nil }
        guard raw >= 0 else { throw PortFailure("a raw IPv6 socket for ESP", errno: raw) }
        let silencer = FileDescriptor(owning: raw)
        let failure = cbpf_accept_nothing(silencer.number)
        guard failure == 0 else { throw PortFailure("a raw IPv6 socket for ESP", errno: failure) }
        return silencer
    }

    private static func packetSocket(_ purpose: String) throws(PortFailure) -> FileDescriptor {
        let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw PortFailure("a packet socket for \(purpose)", errno: errno) }
        return FileDescriptor(owning: descriptor)
    }

    // MARK: Addresses

    /// ESP for this address comes to the port from now on.
    public mutating func own(_ address: IPAddress) throws(PortFailure) { try owned.insert(address) }

    /// ESP for this address is not taken from now on.
    public mutating func disown(_ address: IPAddress) throws(PortFailure) { owned.remove(address) }

    // MARK: Frames

    public mutating func receive(into batch: inout PacketBatch) {
        let before = batch.count
        blocks.receive(
            into: &batch, memory: memory, pool: &pool, headroom: Self.headroom, longest: longestReceived,
            owned: owned, refused: &refused)
        heldCount += batch.count - before
    }

    public mutating func lend(to batch: inout PacketBatch) -> Bool {
        guard batch.room > 0, let frame = pool.take() else { return false }
        batch.append(Packet(start: frame + Self.headroom, byteCount: 0))
        heldCount += 1
        return true
    }

    public mutating func transmit(_ batch: inout PacketBatch) {
        var first = 0
        while first < batch.count {
            // As many as the vector takes, then those that are left.
            messages.removeAll()
            var end = first
            while end < batch.count && messages.count < messages.capacity {
                if batch[end].verdict.steers {
                    if batch[end].byteCount > longestSent {
                        batch[end].verdict = .oversized
                    } else {
                        messages.append(at: batch[end].start, count: batch[end].byteCount, of: memory)
                    }
                }
                end += 1
            }
            messages.send(through: sender.number)
            var message = 0
            for index in first..<end where batch[index].verdict.steers {
                let refusal = messages.refusal(of: message)
                if refusal != 0 { batch[index].verdict = refusal == EMSGSIZE ? .oversized : .transmitQueueFull }
                message += 1
            }
            first = end
        }
    }

    public mutating func release(_ batch: inout PacketBatch) {
        // The kernel has copied what was sent.
        for index in 0..<batch.count { pool.give(batch[index].start) }
        heldCount -= batch.count
        batch.removeAll()
        assert(pool.count + heldCount == memory.frameCount, "a frame was lost")
    }

    public mutating func wait(milliseconds: Int32) {
        var one = pollfd(fd: blocks.number, events: Int16(POLLIN), revents: 0)
        one.wait(milliseconds: milliseconds)
    }

    // MARK: Counters

    /// What the kernel dropped because the ring was full, and what the port itself counts.
    public mutating func statistics() -> [String: UInt64] {
        // The kernel forgets them when asked.
        let kernel = blocks.statistics()
        seenCount &+= UInt64(kernel.tp_packets)
        droppedCount &+= UInt64(kernel.tp_drops)
        return [
            "packets": seenCount, "rx_ring_full": droppedCount, "frame_too_long": refused.tooLong,
            "not_owned": refused.notOurs,
        ]
    }
}
