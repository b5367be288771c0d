internal import Wire

/// Which piece of which datagram an IPv4 packet is (RFC 791 §3.1).
struct InnerFragment {
    var identification: UInt32
    /// It has the ports.
    var isFirst: Bool

    /// nil when the packet is no fragment, or its header is not there.
    @inline(__always)
    init?(reading packet: RawSpan) {
        guard packet.byteCount >= IPv4Header.minimumByteCount else { return nil }
        let word = packet.bigEndian32(at: IPv4Header.Offset.identification)
        guard packet.byte(at: 0) >> 4 == 4, word & 0x3FFF != 0 else { return nil }
        identification = word >> 16
        isFirst = word & 0x1FFF == 0
    }
}
