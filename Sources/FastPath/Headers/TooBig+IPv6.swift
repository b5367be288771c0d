internal import Wire

/// ICMPv6 "packet too big" about ESP over IPv6 (RFC 4443 §3.2, RFC 8201 §4).
///
///     | IPv6 40 | type 2, code 0, checksum 2 | MTU 4 | IPv6 40 | extension headers | (UDP 8) | ESP 8 ... |
extension TooBig {
    static let type6: UInt8 = 2

    /// As `read`. The error stands right behind its IPv6 header: routers on the way put nothing between.
    @inline(never)
    static func readIPv6(_ frame: RawSpan, at offset: Int) -> Report? {
        guard let header = IPv6Header(reading: frame, at: offset), header.version == 6,
            header.nextHeader == IPProtocol.icmpv6, !header.hasMappedAddress,
            offset + header.totalByteCount <= frame.byteCount,
            header.payloadByteCount >= headerByteCount + IPv6Header.byteCount + ESPHeader.byteCount
        else { return nil }
        let icmp = offset + IPv6Header.byteCount
        let end = offset + header.totalByteCount
        let pseudo = PseudoHeader.sum(
            source: header.source, destination: header.destination, ipProtocol: IPProtocol.icmpv6,
            byteCount: header.payloadByteCount)
        guard frame.byte(at: icmp) == type6,
            InternetChecksum.sum(frame, from: icmp, count: end - icmp, initial: pseudo) == 0xFFFF
        else { return nil }
        let quotedAt = icmp + headerByteCount
        guard let quoted = IPv6Header(reading: frame, at: quotedAt), quoted.version == 6 else { return nil }
        let chain = IPv6Chain(
            quoted.nextHeader, namedAt: -1, in: frame, from: quotedAt + IPv6Header.byteCount, byteCount: end)
        guard chain.end == .reached, chain.offset + ESPHeader.byteCount <= end else { return nil }
        var esp = chain.offset
        var ports: (UInt16, UInt16) = (0, 0)
        if chain.ipProtocol == IPProtocol.udp {
            ports = (frame.bigEndian16(at: esp), frame.bigEndian16(at: esp + 2))
            esp += UDPHeader.byteCount
            guard esp + ESPHeader.byteCount <= end else { return nil }
        } else if chain.ipProtocol != IPProtocol.esp {
            return nil
        }
        // 32 bits, of which no packet has more than 16.
        let mtu = Int(min(frame.bigEndian32(at: icmp + 4), 65535))
        return Report(
            mtu: mtu, recipient: header.destination, source: quoted.source, destination: quoted.destination,
            spi: frame.bigEndian32(at: esp), sequenceNumberLow: frame.bigEndian32(at: esp + 4), sourcePort: ports.0,
            destinationPort: ports.1)
    }

    /// Whether a frame may bear such an error to one of `ours`; only `readIPv6` says so for sure.
    static func mayBeIPv6(_ frame: RawSpan, at offset: Int, ours: AddressTable.Reader) -> Bool {
        guard let header = IPv6Header(reading: frame, at: offset), header.version == 6,
            header.nextHeader == IPProtocol.icmpv6, frame.byteCount > offset + IPv6Header.byteCount
        else { return false }
        return frame.byte(at: offset + IPv6Header.byteCount) == type6
            && ours.find(header.destination) != AddressTable.absent
    }
}
