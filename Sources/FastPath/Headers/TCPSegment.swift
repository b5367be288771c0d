internal import Wire

/// What following a connection reads of a TCP segment (RFC 9293 §3.1).
struct TCPSegment {
    var flags: UInt8
    /// The number behind the segment's last byte, its SYN and FIN included.
    var end: UInt32
    /// The number that it waits for next; means something with the ACK flag only.
    var acknowledgement: UInt32

    /// Of a whole IP packet that is known to carry TCP; nil when it is shorter than its headers say.
    init?(reading packet: RawSpan) {
        var start = 0
        var end = 0
        if let ip = IPv6Header(reading: packet), ip.version == 6 {
            let chain = IPv6Chain(of: ip, in: packet)
            guard chain.end == .reached else { return nil }
            (start, end) = (chain.offset, ip.totalByteCount)
        } else {
            guard let ip = IPv4Header(reading: packet) else { return nil }
            (start, end) = (ip.byteCount, ip.totalByteCount)
        }
        guard packet.byteCount >= start + TCPHeader.minimumByteCount, let tcp = TCPHeader(reading: packet, at: start)
        else { return nil }
        let payload = end - start - tcp.byteCount
        guard payload >= 0 else { return nil }
        flags = tcp.flags
        self.end = packet.bigEndian32(at: start + TCPHeader.Offset.sequence) &+ UInt32(truncatingIfNeeded: payload)
        if flags & TCPHeader.Flag.syn != 0 { self.end &+= 1 }
        if flags & TCPHeader.Flag.fin != 0 { self.end &+= 1 }
        acknowledgement = packet.bigEndian32(at: start + TCPHeader.Offset.acknowledgement)
    }

    /// Of a segment without SYN, FIN and RST, of whose end nobody asks.
    @inline(__always)
    init(inTheMiddle flags: UInt8, acknowledgement: UInt32) {
        self.flags = flags
        end = 0
        self.acknowledgement = acknowledgement
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// The host's answer to a SYN.
    var answersSYN: Bool { has(TCPHeader.Flag.syn) && has(TCPHeader.Flag.ack) }

    /// It confirms all up to the number before `end` (RFC 9293 §3.4: numbers go round).
    func acknowledges(_ end: UInt32) -> Bool {
        has(TCPHeader.Flag.ack) && Int32(truncatingIfNeeded: acknowledgement &- end) >= 0
    }
}
