internal import Associations
internal import Wire

/// Lowers the maximum segment size that a SYN offers to what fits ESP on the way (RFC 9293 §3.7.1), and sets the TCP checksum
/// right for it (RFC 1624).
enum SegmentSize {
    private enum Option { static let end: UInt8 = 0, nothing: UInt8 = 1, segmentSize: UInt8 = 2 }

    /// - Parameters:
    ///   - start: of an IPv4 packet that is known to carry TCP with SYN set.
    ///   - limit: bytes of payload. A SYN that offers no more, or nothing, stays as it is.
    @inline(never)
    static func clamp(at start: Int, byteCount: Int, to limit: Int, in memory: borrowing FrameMemory) {
        let packet = memory.bytes(at: start, count: byteCount)
        guard limit > 0, limit < 65536, let ip = IPv4Header(reading: packet),
            let tcp = TCPHeader(reading: packet, at: ip.byteCount), ip.byteCount + tcp.byteCount <= byteCount,
            let place = place(
                in: packet, from: ip.byteCount + TCPHeader.minimumByteCount, to: ip.byteCount + tcp.byteCount)
        else { return }
        let old = packet.bigEndian16(at: place)
        guard Int(old) > limit else { return }
        let new = UInt16(limit)
        // A value at an odd offset stands across two of the words that are summed: its bytes count the other way round.
        let isOdd = (place - ip.byteCount) % 2 != 0
        let checksum = ip.byteCount + TCPHeader.checksumOffset
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
    init(_ suite: CipherSuite, isTunnel: Bool, isInUDP: Bool) {
        self.init(
            prefixByteCount: suite.prefixByteCount, icvByteCount: suite.icvByteCount, alignment: suite.alignment,
            mode: isTunnel ? .tunnel : .transport, isInUDP: isInUDP)
    }
}
