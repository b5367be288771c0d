internal import Wire

/// Cuts what the host's TCP hands over in one piece into the segments that it stands for (segmentation offload).
///
///     | IP | TCP | payload 0 | payload 1 | ...       the piece, up to 64 KiB
///     | IP'| TCP'| payload 0 |                       identification, lengths, number, flags and checksums of its own
///     | IP'| TCP'| payload 1 |
struct SegmentSplitter {
    private let byteCount: Int
    private let isV4: Bool
    private let source: IPAddress
    private let destination: IPAddress
    /// Of the TCP header.
    private let tcp: Int
    /// IP and TCP.
    private let headerByteCount: Int
    private let segmentByteCount: Int
    /// Where the next segment's payload begins.
    private var at: Int
    private var number: UInt16 = 0

    /// nil when the header's words and the packet do not fit together.
    init?(_ packet: RawSpan, _ header: VirtualNetHeader) {
        tcp = Int(header.checksumStart)
        segmentByteCount = Int(header.segmentByteCount)
        byteCount = packet.byteCount
        guard header.isTCP, segmentByteCount > 0, packet.byteCount >= tcp + TCPHeader.minimumByteCount else {
            return nil
        }
        isV4 = packet.byte(at: 0) >> 4 == 4
        guard tcp >= (isV4 ? IPv4Header.minimumByteCount : IPv6Header.byteCount) else { return nil }
        let length = Int(packet.byte(at: tcp + TCPHeader.Offset.dataOffset) >> 4) * 4
        headerByteCount = tcp + length
        guard length >= TCPHeader.minimumByteCount, headerByteCount <= packet.byteCount else { return nil }
        if isV4 {
            guard Int(packet.byte(at: 0) & 15) * 4 == tcp else { return nil }
            source = IPAddress(v4: packet.bigEndian32(at: IPv4Header.Offset.source))
            destination = IPAddress(v4: packet.bigEndian32(at: IPv4Header.Offset.destination))
        } else {
            guard packet.byte(at: 0) >> 4 == 6 else { return nil }
            source = IPAddress(v6: packet, at: IPv6Header.Offset.source)
            destination = IPAddress(v6: packet, at: IPv6Header.Offset.destination)
        }
        at = headerByteCount
    }

    /// Every segment has been made.
    var isDone: Bool { number > 0 && at >= byteCount }

    /// Bytes of the next segment, headers included.
    var nextByteCount: Int { headerByteCount + min(segmentByteCount, byteCount - at) }

    /// Writes the next segment, from the packet that this was made for; to be called until `isDone`. Traps when
    /// `nextByteCount` bytes are not there.
    mutating func next(from packet: RawSpan, to segment: inout MutableRawSpan) {
        let payload = min(segmentByteCount, byteCount - at)
        let total = headerByteCount + payload
        packet.extracting(0..<headerByteCount).copy(to: &segment)
        packet.extracting(at..<at + payload).copy(to: &segment, at: headerByteCount)
        if isV4 {
            segment.storeBigEndian(UInt16(truncatingIfNeeded: total), at: IPv4Header.Offset.totalLength)
            let identification = packet.bigEndian16(at: IPv4Header.Offset.identification) &+ number
            segment.storeBigEndian(identification, at: IPv4Header.Offset.identification)
            segment.storeBigEndian(UInt16(0), at: IPv4Header.Offset.checksum)
            let sum = InternetChecksum.sum(segment.bytes, count: tcp)
            segment.storeBigEndian(~sum, at: IPv4Header.Offset.checksum)
        } else {
            let length = total - IPv6Header.byteCount
            segment.storeBigEndian(UInt16(truncatingIfNeeded: length), at: IPv6Header.Offset.payloadLength)
        }
        let sequence = packet.bigEndian32(at: tcp + TCPHeader.Offset.sequence)
        let before = UInt32(truncatingIfNeeded: at - headerByteCount)
        segment.storeBigEndian(sequence &+ before, at: tcp + TCPHeader.Offset.sequence)
        var flags = packet.byte(at: tcp + TCPHeader.Offset.flags)
        if at + payload < byteCount { flags &= ~(TCPHeader.Flag.fin | TCPHeader.Flag.psh) }
        // Said once: that the window was made smaller (RFC 3168 §6.1.2).
        if number > 0 { flags &= ~TCPHeader.Flag.cwr }
        segment.store(flags, at: tcp + TCPHeader.Offset.flags)
        segment.storeBigEndian(UInt16(0), at: tcp + TCPHeader.Offset.checksum)
        let pseudo = PseudoHeader.sum(
            source: source, destination: destination, ipProtocol: IPProtocol.tcp, byteCount: total - tcp)
        let sum = InternetChecksum.sum(segment.bytes, from: tcp, count: total - tcp, initial: pseudo)
        segment.storeBigEndian(~sum, at: tcp + TCPHeader.Offset.checksum)
        at += payload
        number &+= 1
    }

    /// Puts the checksum that the host left undone into a packet that is not to be split; false when the header's words do
    /// not fit the packet. Of UDP a sum of 0 is sent as 0xFFFF (RFC 768); for TCP that is the same number.
    static func finishChecksum(of packet: inout MutableRawSpan, _ header: VirtualNetHeader) -> Bool {
        let start = Int(header.checksumStart)
        let place = start + Int(header.checksumOffset)
        guard place + 2 <= packet.byteCount else { return false }
        let sum = ~InternetChecksum.sum(packet.bytes, from: start)
        packet.storeBigEndian(sum == 0 ? 0xFFFF : sum, at: place)
        return true
    }
}
