internal import Wire

/// What following a connection reads of a TCP segment (RFC 9293 §3.1).
struct TCPSegment {
    private enum Offset { static let sequence = 4, acknowledgement = 8 }

    var flags: UInt8
    /// The number behind the segment's last byte, its SYN and FIN included.
    var end: UInt32
    /// The number that it waits for next; means something with the ACK flag only.
    var acknowledgement: UInt32

    /// Of a whole IPv4 packet that is known to carry TCP; nil when it is shorter than its headers say.
    init?(reading packet: RawSpan) {
        guard let ip = IPv4Header(reading: packet), packet.byteCount >= ip.byteCount + TCPHeader.minimumByteCount,
            let tcp = TCPHeader(reading: packet, at: ip.byteCount)
        else { return nil }
        let payload = ip.totalByteCount - ip.byteCount - tcp.byteCount
        guard payload >= 0 else { return nil }
        flags = tcp.flags
        end = packet.bigEndian32(at: ip.byteCount + Offset.sequence) &+ UInt32(truncatingIfNeeded: payload)
        if flags & TCPHeader.Flag.syn != 0 { end &+= 1 }
        if flags & TCPHeader.Flag.fin != 0 { end &+= 1 }
        acknowledgement = packet.bigEndian32(at: ip.byteCount + Offset.acknowledgement)
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// The host's answer to a SYN.
    var answersSYN: Bool { has(TCPHeader.Flag.syn) && has(TCPHeader.Flag.ack) }

    /// It confirms all up to the number before `end` (RFC 9293 §3.4: numbers go round).
    func acknowledges(_ end: UInt32) -> Bool {
        has(TCPHeader.Flag.ack) && Int32(truncatingIfNeeded: acknowledgement &- end) >= 0
    }
}
