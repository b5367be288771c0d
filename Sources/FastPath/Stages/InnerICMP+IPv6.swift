internal import Wire

/// ICMPv6 (RFC 4443) inside the tunnel, or inside ESP over IPv6.
///
///     | type, code, checksum 2 | 4 | IPv6 40 | extension headers | ports 4 ... |     an error: the packet as far as it fits
extension InnerICMP {
    private enum Kind6 {
        static let echoRequest: UInt8 = 128
        /// Destination unreachable, packet too big, time exceeded, parameter problem: RFC 4443 §3 has no other errors.
        static let errors: ClosedRange<UInt8> = 1...4
    }

    /// As `read`. Neighbour discovery and all else that is of one link only has no business in a tunnel.
    @inline(never)
    static func readIPv6(_ plaintext: RawSpan, at transport: Int, end: Int, of flow: Flow) -> InnerICMP? {
        guard !flow.local.isV4 else { return .other }
        let type = plaintext.byte(at: transport)
        if type == Kind6.echoRequest { return .echoRequest }
        guard Kind6.errors.contains(type) else { return .other }
        let quoted = transport + headerByteCount
        guard end - quoted >= IPv6Header.byteCount else { return .errorAboutNothing }
        guard let header = IPv6Header(reading: plaintext, at: quoted) else { return nil }
        guard header.version == 6, !header.hasMappedAddress, header.source == flow.local else {
            return .errorAboutNothing
        }
        // What is quoted ends with the message, whatever its own header says.
        var chain = IPv6Chain(
            header.nextHeader, namedAt: -1, in: plaintext, from: quoted + IPv6Header.byteCount, byteCount: end)
        if chain.end == .fragment {
            guard plaintext.bigEndian16(at: chain.offset + 2) & 0xFFF8 == 0 else { return .errorAboutNothing }
            chain = IPv6Chain(
                plaintext.byte(at: chain.offset), namedAt: -1, in: plaintext, from: chain.offset + 8, byteCount: end,
                mayBeHopByHop: false)
        }
        guard chain.end == .reached else { return chain.end == .unread ? nil : .errorAboutNothing }
        var about = Flow(
            remote: header.destination, local: header.source, remotePort: 0, localPort: 0, ipProtocol: chain.ipProtocol)
        if IPProtocol.portsByteCount(chain.ipProtocol) > 0 {
            guard end - chain.offset >= 4 else { return .errorAboutNothing }
            guard plaintext.byteCount >= chain.offset + 4 else { return nil }
            about.localPort = plaintext.bigEndian16(at: chain.offset)
            about.remotePort = plaintext.bigEndian16(at: chain.offset + 2)
        }
        return .error(about: about)
    }
}
