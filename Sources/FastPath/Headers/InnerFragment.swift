internal import Wire

/// Which piece of which datagram an IP packet is (RFC 791 §3.1, RFC 8200 §4.5).
struct InnerFragment {
    var identification: UInt32
    /// It has the ports.
    var isFirst: Bool

    /// nil when the packet is no fragment, or its header is not there.
    @inline(__always)
    init?(reading packet: RawSpan) {
        guard packet.byteCount >= IPv4Header.minimumByteCount else { return nil }
        if packet.byte(at: 0) >> 4 == 6 {
            guard let fragment = Self.readIPv6(packet) else { return nil }
            self = fragment
            return
        }
        let word = packet.bigEndian32(at: IPv4Header.Offset.identification)
        guard packet.byte(at: 0) >> 4 == 4, word & 0x3FFF != 0 else { return nil }
        identification = word >> 16
        isFirst = word & 0x1FFF == 0
    }

    private init(identification: UInt32, isFirst: Bool) {
        self.identification = identification
        self.isFirst = isFirst
    }

    @inline(never)
    private static func readIPv6(_ packet: RawSpan) -> InnerFragment? {
        guard let header = IPv6Header(reading: packet) else { return nil }
        let chain = IPv6Chain(of: header, in: packet)
        // Where the chain ends at a fragment header, all eight bytes of it are at hand.
        guard chain.end == .fragment else { return nil }
        return InnerFragment(
            identification: packet.bigEndian32(at: chain.offset + 4),
            isFirst: packet.bigEndian16(at: chain.offset + 2) & 0xFFF8 == 0)
    }
}
