internal import Associations
internal import Wire

/// Lowers the maximum segment size that a SYN offers to what fits ESP on the way (RFC 9293 §3.7.1), and sets the TCP checksum
/// right for it (RFC 1624).
enum SegmentSize {
    private enum Option { static let end: UInt8 = 0, nothing: UInt8 = 1, segmentSize: UInt8 = 2 }

    /// - Parameters:
    ///   - start: of a packet that is known to carry TCP with SYN set. Behind extension headers it stays as it is.
    ///   - longest: bytes of the longest packet. A SYN that offers no more, or nothing, stays as it is.
    @inline(never)
    static func clamp(at start: Int, byteCount: Int, inPacketOf longest: Int, in memory: borrowing FrameMemory) {
        let packet = memory.bytes(at: start, count: byteCount)
        guard byteCount >= IPv4Header.minimumByteCount else { return }
        let isV6 = IPHeader.version(packet) == 6
        let limit = PacketRoom.segment(inPacketOf: longest, isV6: isV6)
        let header = isV6 ? IPv6Header.byteCount : Int(packet.byte(at: 0) & 15) * 4
        guard limit > 0, limit < 65536, !isV6 || packet.byte(at: IPv6Header.Offset.nextHeader) == IPProtocol.tcp,
            let tcp = TCPHeader(reading: packet, at: header), header + tcp.byteCount <= byteCount,
            let place = place(in: packet, from: header + TCPHeader.minimumByteCount, to: header + tcp.byteCount)
        else { return }
        let old = packet.bigEndian16(at: place)
        guard Int(old) > limit else { return }
        let new = UInt16(limit)
        // A value at an odd offset stands across two of the words that are summed: its bytes count the other way round.
        let isOdd = (place - header) % 2 != 0
        let checksum = header + TCPHeader.Offset.checksum
        // HC' = ~(~HC + ~m + m')
        let sum = InternetChecksum.add(
            InternetChecksum.add(~packet.bigEndian16(at: checksum), ~(isOdd ? old.byteSwapped : old)),
            isOdd ? new.byteSwapped : new)
        var bytes = memory.mutableBytes(at: start, count: byteCount)
        bytes.storeBigEndian(new, at: place)
        bytes.storeBigEndian(~sum, at: checksum)
    }

    /// Where the option's value stands; nil without one.
    private static func place(in packet: RawSpan, from first: Int, to end: Int) -> Int? {
        var at = first
        while at < end {
            let kind = packet.byte(at: at)
            if kind == Option.end { return nil }
            if kind == Option.nothing {
                at += 1
                continue
            }
            guard at + 2 <= end else { return nil }
            let length = Int(packet.byte(at: at + 1))
            guard length >= 2, at + length <= end else { return nil }
            if kind == Option.segmentSize { return length == 4 ? at + 2 : nil }
            at += length
        }
        return nil
    }
}

extension PacketRoom {
    init(_ suite: CipherSuite, isTunnel: Bool, isInUDP: Bool, isOuterV6: Bool) {
        self.init(
            prefixByteCount: suite.prefixByteCount, icvByteCount: suite.icvByteCount, alignment: suite.alignment,
            mode: isTunnel ? .tunnel : .transport, isInUDP: isInUDP, isOuterV6: isOuterV6)
    }
}
