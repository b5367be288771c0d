internal import CBPF
internal import Glibc
internal import Wire

/// A TPACKET_V3 receive ring: blocks of memory shared with the kernel, which fills one with packets and hands it over
/// when it is full or a millisecond old.
@safe struct ReceiveBlocks: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let descriptor: FileDescriptor
    private var block = 0
    /// Packets of `block` that have not been read, and where the next of them lies in it.
    private var remaining: UInt32 = 0
    private var offset = 0

    static let blockByteCount = 1 << 18
    static let blockCount = 32
    private static let byteCount = blockByteCount * blockCount

    /// Takes over a packet socket and makes the ring. The socket must not receive anything yet.
    init(on socket: consuming FileDescriptor, interface: String) throws(PortFailure) {
        let failure = cbpf_packet_ring(socket.number, UInt32(Self.blockByteCount), UInt32(Self.blockCount), 1)
        guard failure == 0 else { throw PortFailure("TPACKET_V3 on \(interface)", errno: failure) }
        // A shared mapping of the ring, of the size just agreed on; unmapped in deinit.
        let mapping = unsafe mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, socket.number, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            throw PortFailure("mapping \(interface)'s receive ring", errno: errno)
        }
        unsafe base = mapping
        descriptor = socket
    }

    deinit {
        // The mapping made in init.
        unsafe _ = munmap(base, Self.byteCount)
    }

    var number: Int32 { descriptor.number }

    /// What the kernel counted since it was asked last.
    func statistics() -> tpacket_stats_v3 {
        var answer = tpacket_stats_v3()
        // An open socket of ours, and an answer written during the call only.
        unsafe _ = cbpf_packet_statistics(descriptor.number, &answer)
        return answer
    }

    /// What was received and not given to a batch.
    struct Refused {
        /// Longer than a frame has room for.
        var tooLong: UInt64 = 0
        /// ESP for somebody else.
        var notOurs: UInt64 = 0
    }

    /// Copies packets for our addresses into frames, `headroom` bytes from their beginning. A VLAN tag that the kernel
    /// or the device took out is put back, so that the router sees the frame as it was on the wire.
    @inline(__always)
    mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool, headroom: Int,
        longest: Int, owned: borrowing OwnedAddresses, refused: inout Refused
    ) {
        while batch.room > 0 && pool.count > 0 {
            // A block inside the mapping.
            let start = unsafe base + block * Self.blockByteCount
            let block = unsafe start.assumingMemoryBound(to: tpacket_block_desc.self)
            if remaining == 0 {
                // Only while the block is ours may the rest of it be read.
                guard unsafe cbpf_block_ready(block) != 0 else { return }
                remaining = unsafe block.pointee.hdr.bh1.num_pkts
                offset = unsafe Int(block.pointee.hdr.bh1.offset_to_first_pkt)
            }
            if remaining > 0 {
                // The kernel chained the packets inside the block, which is ours.
                let header = unsafe (start + offset).assumingMemoryBound(to: tpacket3_hdr.self)
                unsafe take(
                    header, into: &batch, memory: memory, pool: &pool, headroom: headroom, longest: longest,
                    owned: owned, refused: &refused)
                offset += unsafe Int(header.pointee.tp_next_offset)
                remaining -= 1
            }
            if remaining == 0 {
                // All of it was copied.
                unsafe cbpf_block_return(block)
                self.block = (self.block + 1) % Self.blockCount
            }
        }
    }

    /// - Parameter header: of a packet in a block that is ours.
    @unsafe @inline(__always)
    private func take(
        _ header: UnsafePointer<tpacket3_hdr>, into batch: inout PacketBatch, memory: borrowing FrameMemory,
        pool: inout FramePool, headroom: Int, longest: Int, owned: borrowing OwnedAddresses, refused: inout Refused
    ) {
        // The kernel wrote the header and tp_snaplen bytes at tp_mac, inside the block.
        let count = unsafe Int(header.pointee.tp_snaplen)
        let source = unsafe UnsafeRawPointer(header) + Int(header.pointee.tp_mac)
        let frame = unsafe RawSpan(_unsafeStart: source, byteCount: count)
        guard let destination = Self.destination(of: frame), owned.contains(destination) else {
            refused.notOurs &+= 1
            return
        }
        // The fields above, of the same packet.
        let hasTag = unsafe header.pointee.tp_status & UInt32(TP_STATUS_VLAN_VALID) != 0
        let total = hasTag ? count + 4 : count
        guard unsafe total <= longest && count == Int(header.pointee.tp_len), let chunk = pool.take() else {
            refused.tooLong &+= 1
            return
        }
        let start = chunk + headroom
        // The frame has room for total bytes, since longest counts the headroom; count >= 14, or there would be no IP.
        let target = unsafe memory.pointer(at: start, count: total)
        if hasTag {
            let type =
                unsafe header.pointee.tp_status & UInt32(TP_STATUS_VLAN_TPID_VALID) != 0
                ? header.pointee.hv1.tp_vlan_tpid : UInt16(ETH_P_8021Q)
            unsafe target.copyMemory(from: source, byteCount: 12)
            // Bytes 12 to 15 of at least 18; tp_vlan_tci and the type are in host byte order.
            unsafe target.storeBytes(of: type.bigEndian, toByteOffset: 12, as: UInt16.self)
            unsafe target.storeBytes(
                of: UInt16(truncatingIfNeeded: header.pointee.hv1.tp_vlan_tci).bigEndian, toByteOffset: 14,
                as: UInt16.self)
            unsafe (target + 16).copyMemory(from: source + 12, byteCount: count - 12)
        } else {
            unsafe target.copyMemory(from: source, byteCount: count)
        }
        batch.append(Packet(start: start, byteCount: total))
    }

    /// The destination behind up to two VLAN tags; nil when the frame has none, or an IPv4-mapped one, which is nobody's
    /// (RFC 4942 §2.2).
    @inline(__always)
    private static func destination(of frame: RawSpan) -> IPAddress? {
        var offset = 12
        for _ in 0...2 {
            guard frame.byteCount >= offset + 2 else { return nil }
            let type = frame.bigEndian16(at: offset)
            if type == 0x0800 {
                return frame.byteCount >= offset + 22 ? IPAddress(v4: frame.bigEndian32(at: offset + 18)) : nil
            }
            if type == 0x86DD {
                guard let header = IPv6Header(reading: frame, at: offset + 2), !header.destination.isV4 else {
                    return nil
                }
                return header.destination
            }
            guard type == 0x8100 || type == 0x88A8 else { return nil }
            offset += 4
        }
        return nil
    }
}
