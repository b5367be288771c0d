internal import Wire

/// ICMP "fragmentation needed" (RFC 792, RFC 1191 §4): the packet that it quotes did not fit.
///
///     | IPv4 20 | type 3, code 4, checksum 2 | unused 2, MTU 2 | the packet's IP header and what follows it |
enum TooBig {
    static let headerByteCount = 8
    static let type: UInt8 = 3, code: UInt8 = 4
    /// Of the packet that is quoted: no error is longer than 576 bytes (RFC 1812 §4.3.2.3).
    static let quotedLimit = 576 - IPv4Header.minimumByteCount - headerByteCount
    /// IPv4 hosts must take so much (RFC 791 §3.1): nothing makes us believe in less.
    static let leastMTU = 576
    /// Of every link of IPv6 (RFC 8200 §5).
    static let leastMTU6 = 1280
    private enum Offset { static let checksum = 2, mtu = 6 }

    /// What an error about an ESP packet of ours says.
    struct Report: Equatable {
        var mtu: Int
        /// Whom it was sent to.
        var recipient: IPAddress
        /// Of the quoted packet, which we sent.
        var source: IPAddress
        var destination: IPAddress
        var spi: UInt32
        var sequenceNumberLow: UInt32
        /// Of the UDP header around ESP; 0 and 0 for none.
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
    }

    /// Whether a packet may be answered by an error (RFC 1122 §3.2.2, RFC 4443 §2.4): no error about errors, nor about
    /// fragments behind the first.
    static func mayAnswer(_ packet: RawSpan) -> Bool {
        if let header = IPv6Header(reading: packet), header.version == 6 {
            guard header.nextHeader == IPProtocol.icmpv6 else { return true }
            return packet.byteCount > IPv6Header.byteCount && packet.byte(at: IPv6Header.byteCount) >= 128
        }
        guard let header = IPv4Header(reading: packet), !header.isLaterFragment else { return false }
        guard header.ipProtocol == IPProtocol.icmp else { return true }
        guard packet.byteCount > header.byteCount else { return false }
        let type = packet.byte(at: header.byteCount)
        return type == 0 || type == 8
    }

    /// Puts the error in front of the packet that lies at `packet.start`, which it quotes, for the host that sent it. It comes
    /// from where the packet was going: that is where the host's routes lead for it.
    static func answer(_ packet: inout Packet, mtu: Int, in memory: borrowing FrameMemory) {
        if IPHeader.version(memory.bytes(at: packet.start, count: 1)) == 6 {
            return answer6(&packet, mtu: mtu, in: memory)
        }
        let quoted = min(packet.byteCount, quotedLimit)
        let addresses = memory.bytes(at: packet.start + IPv4Header.Offset.source, count: 8)
        let source = IPAddress(v4: addresses.bigEndian32(at: 0))
        let destination = IPAddress(v4: addresses.bigEndian32(at: 4))
        let icmp = packet.start - headerByteCount
        packet.start = icmp - IPv4Header.minimumByteCount
        packet.byteCount = IPv4Header.minimumByteCount + headerByteCount + quoted
        IPv4Rewriting.write(
            at: packet.start, totalByteCount: packet.byteCount, trafficClass: 0, dontFragment: true, identification: 0,
            source: destination, destination: source, ipProtocol: IPProtocol.icmp, in: memory)
        var bytes = memory.mutableBytes(at: icmp, count: headerByteCount)
        bytes.store(type, at: 0)
        bytes.store(code, at: 1)
        bytes.storeBigEndian(UInt16(0), at: Offset.checksum)
        bytes.storeBigEndian(UInt16(0), at: 4)
        bytes.storeBigEndian(UInt16(clamping: mtu), at: Offset.mtu)
        let sum = InternetChecksum.sum(memory.bytes(at: icmp, count: headerByteCount + quoted))
        bytes.storeBigEndian(~sum, at: Offset.checksum)
    }

    /// ICMPv6 "packet too big" (RFC 4443 §3.2).
    ///
    ///     | IPv6 40 | type 2, code 0, checksum 2 | MTU 4 | the packet, so that all of it is 1280 at most |
    private static func answer6(_ packet: inout Packet, mtu: Int, in memory: borrowing FrameMemory) {
        let quoted = min(packet.byteCount, leastMTU6 - IPv6Header.byteCount - headerByteCount)
        let addresses = IPHeader.addresses(at: packet.start, in: memory)
        let icmp = packet.start - headerByteCount
        let byteCount = headerByteCount + quoted
        packet.start = icmp - IPv6Header.byteCount
        packet.byteCount = IPv6Header.byteCount + byteCount
        IPv6Rewriting.write(
            at: packet.start, payloadByteCount: byteCount, trafficClass: 0, source: addresses.destination,
            destination: addresses.source, nextHeader: IPProtocol.icmpv6, in: memory)
        var bytes = memory.mutableBytes(at: icmp, count: headerByteCount)
        bytes.store(2, at: 0)
        bytes.store(0, at: 1)
        bytes.storeBigEndian(UInt16(0), at: Offset.checksum)
        // No sender of IPv6 believes in less (RFC 8201 §4).
        bytes.storeBigEndian(UInt32(max(mtu, leastMTU6)), at: 4)
        let whole = memory.bytes(at: packet.start, count: packet.byteCount)
        let pseudo = PseudoHeader.sum(
            source: addresses.destination, destination: addresses.source, ipProtocol: IPProtocol.icmpv6,
            byteCount: byteCount)
        let sum = InternetChecksum.sum(whole, from: IPv6Header.byteCount, initial: pseudo)
        bytes.storeBigEndian(~sum, at: Offset.checksum)
    }

    /// The error at `offset`, if it is one about ESP, or ESP in UDP, and whole; nil for all else.
    @inline(never)
    static func read(_ frame: RawSpan, at offset: Int) -> Report? {
        if frame.byteCount > offset, IPHeader.version(frame, at: offset) == 6 { return readIPv6(frame, at: offset) }
        guard let header = IPv4Header(reading: frame, at: offset), header.version == 4, !header.isFragment,
            header.ipProtocol == IPProtocol.icmp, header.byteCount >= IPv4Header.minimumByteCount,
            offset + header.totalByteCount <= frame.byteCount,
            header.totalByteCount >= header.byteCount + headerByteCount + IPv4Header.minimumByteCount + 8
        else { return nil }
        let icmp = offset + header.byteCount
        let end = offset + header.totalByteCount
        guard frame.byte(at: icmp) == type, frame.byte(at: icmp + 1) == code,
            InternetChecksum.sum(frame, from: offset, count: header.byteCount) == 0xFFFF,
            InternetChecksum.sum(frame, from: icmp, count: end - icmp) == 0xFFFF
        else { return nil }
        let quotedAt = icmp + headerByteCount
        guard let quoted = IPv4Header(reading: frame, at: quotedAt), quoted.version == 4,
            quoted.byteCount >= IPv4Header.minimumByteCount, !quoted.isLaterFragment,
            quotedAt + quoted.byteCount + ESPHeader.byteCount <= end
        else { return nil }
        var esp = quotedAt + quoted.byteCount
        var ports: (UInt16, UInt16) = (0, 0)
        if quoted.ipProtocol == IPProtocol.udp {
            ports = (frame.bigEndian16(at: esp), frame.bigEndian16(at: esp + 2))
            esp += UDPHeader.byteCount
            guard esp + ESPHeader.byteCount <= end else { return nil }
        } else if quoted.ipProtocol != IPProtocol.esp {
            return nil
        }
        return Report(
            mtu: Int(frame.bigEndian16(at: icmp + Offset.mtu)), recipient: header.destination, source: quoted.source,
            destination: quoted.destination,
            spi: frame.bigEndian32(at: esp), sequenceNumberLow: frame.bigEndian32(at: esp + 4), sourcePort: ports.0,
            destinationPort: ports.1)
    }
}
