internal import Associations
internal import Wire

/// The same questions of an IPv6 packet, whose ESP may stand behind extension headers.
///
///     | IPv6 40 | hop-by-hop, destination options, routing | (UDP 8) | ESP 8 | IV ...
extension ESPDatagram {
    /// `read` for a packet of either version: behind GRE, and where packets begin with IP.
    @inline(__always)
    static func readEither(
        _ frame: RawSpan, at ip: Int, ours: AddressTable.Reader, into packet: inout Packet
    ) -> Verdict {
        if frame.byteCount > ip && IPHeader.version(frame, at: ip) == 6 {
            return readIPv6(frame, at: ip, ours: ours, into: &packet)
        }
        var known = ours
        return read(frame, at: ip, ours: &known, into: &packet)
    }

    /// As `read`, of what is to be an IPv6 packet.
    @inline(never)
    static func readIPv6(
        _ frame: RawSpan, at ip: Int, ours: AddressTable.Reader, into packet: inout Packet
    ) -> Verdict {
        guard let header = IPv6Header(reading: frame, at: ip) else { return .truncated }
        guard header.version == 6 else { return .malformedHeader }
        // A mapped destination finds the IPv4 address that it stands for, and goes on to be refused for it.
        guard ours.find(header.destination) != AddressTable.absent else { return .passed }
        guard header.payloadByteCount > 0 else {
            // A jumbogram, or nothing at all.
            return header.nextHeader == IPProtocol.hopByHop || header.nextHeader == IPProtocol.esp
                ? .malformedHeader : .passed
        }
        let end = ip + header.totalByteCount
        let chain = IPv6Chain(of: header, in: frame, at: ip)
        switch chain.end {
        case .reached: break
        case .truncated, .unread: return .truncated
        case .unordered: return .malformedHeader
        case .fragment: return fragment(chain, frame)
        case .routed, .tooLong: return .passed
        }
        let isUDP = chain.ipProtocol == IPProtocol.udp
        guard chain.ipProtocol == IPProtocol.esp || isUDP else { return .passed }
        if isUDP {
            guard let udp = UDPHeader(reading: frame, at: chain.offset),
                udp.destinationPort == UDPHeader.encapsulationPort
            else { return .passed }
        }
        guard !header.hasMappedAddress else { return .mappedAddress }
        guard end <= frame.byteCount else { return .truncated }
        packet.hasOptions = chain.offset != ip + IPv6Header.byteCount
        packet.ipOffset = Int32(ip)
        let byteCount = end - chain.offset
        guard isUDP else { return read(frame, esp: chain.offset, byteCount: byteCount, into: &packet) }
        let verdict = readInUDP(frame, at: chain.offset, byteCount: byteCount, into: &packet)
        guard verdict == .pending || verdict == .keepalive else { return verdict }
        return UDPHeader.hasRightChecksum(frame, at: chain.offset, byteCount: byteCount, of: header)
            ? verdict : .badChecksum
    }

    /// A fragment is ours where it may be of ESP, or of ESP in UDP: what else comes in fragments is the kernel's.
    private static func fragment(_ chain: IPv6Chain, _ frame: RawSpan) -> Verdict {
        let next = frame.byte(at: chain.offset)
        if next == IPProtocol.esp { return .fragment }
        // Only the first has ports; whose the others are cannot be seen here.
        guard next == IPProtocol.udp, frame.bigEndian16(at: chain.offset + 2) & 0xFFF8 == 0,
            let udp = UDPHeader(reading: frame, at: chain.offset + 8),
            udp.destinationPort == UDPHeader.encapsulationPort
        else { return .passed }
        // IKE's, too, is the kernel's (RFC 3948 §2.2); one too short for its marker is no ESP.
        let marker = chain.offset + 8 + UDPHeader.byteCount
        guard marker + UDPHeader.nonESPMarkerByteCount <= frame.byteCount, frame.bigEndian32(at: marker) != 0 else {
            return .passed
        }
        return .fragment
    }
}

extension UDPHeader {
    /// 0 is allowed around ESP, which protects itself; any other checksum must be right (RFC 6935, RFC 8200 §8.1).
    static func hasRightChecksum(_ frame: RawSpan, at offset: Int, byteCount: Int, of header: IPv6Header) -> Bool {
        frame.bigEndian16(at: offset + Offset.checksum) == 0
            || sum(frame, at: offset, byteCount: byteCount, source: header.source, destination: header.destination)
                == 0xFFFF
    }

    /// The checksum of a datagram over IPv6 that is complete but for it, as it is to be sent (RFC 8200 §8.1). Peers' kernels
    /// take none without one, ESP or not.
    static func writeChecksum(
        at offset: Int, byteCount: Int, source: IPAddress, destination: IPAddress, in memory: borrowing FrameMemory
    ) {
        let datagram = memory.bytes(at: offset, count: byteCount)
        let rest = ~sum(datagram, at: 0, byteCount: byteCount, source: source, destination: destination)
        var header = memory.mutableBytes(at: offset, count: Self.byteCount)
        header.storeBigEndian(rest == 0 ? 0xFFFF : rest, at: Offset.checksum)
    }

    /// Of pseudo-header, header and payload.
    private static func sum(
        _ frame: RawSpan, at offset: Int, byteCount: Int, source: IPAddress, destination: IPAddress
    ) -> UInt16 {
        let pseudo = PseudoHeader.sum(
            source: source, destination: destination, ipProtocol: IPProtocol.udp, byteCount: byteCount)
        return InternetChecksum.sum(frame, from: offset, count: byteCount, initial: pseudo)
    }
}
