internal import Associations
internal import Wire

/// Is this IPv4 packet ESP for an address of ours, in UDP or not, and whole? The same question at the router, behind
/// Ethernet, and at a target, behind GRE.
enum ESPDatagram {
    /// `.pending` for an ESP packet of ours; then its places, SPI and number stand in `packet`.
    ///
    /// - Parameter ip: Offset of the IP header in `frame`, which begins where `packet` does.
    @inline(__always)
    static func read(
        _ frame: RawSpan, at ip: Int, ours: inout AddressTable.Reader, into packet: inout Packet
    ) -> Verdict {
        // What nearly every packet is: no options, whole, no fragment. One length question, then fixed places, and the
        // header as five words, of which the checksum takes every one.
        let least = IPv4Header.minimumByteCount + ESPHeader.byteCount
        guard frame.byteCount >= ip &+ least else { return readAny(frame, at: ip, ours: ours, into: &packet) }
        let lengths = frame.bigEndian32(at: ip)
        let fragment = frame.bigEndian32(at: ip &+ IPv4Header.Offset.identification)
        let ipProtocol = frame.bigEndian32(at: ip &+ 8)
        let source = frame.bigEndian32(at: ip &+ IPv4Header.Offset.source)
        let destination = frame.bigEndian32(at: ip &+ IPv4Header.Offset.destination)
        let total = Int(lengths & 0xFFFF)
        let sum = UInt64(lengths) &+ UInt64(fragment) &+ UInt64(ipProtocol) &+ UInt64(source) &+ UInt64(destination)
        // The checksum is right when the sum folds to 0xFFFF: when it is a multiple of that and, as here, not 0.
        guard lengths >> 24 == 0x45, UInt8(truncatingIfNeeded: ipProtocol >> 16) == IPProtocol.esp,
            fragment & 0x3FFF == 0, sum % 0xFFFF == 0, total >= least, ip &+ total <= frame.byteCount
        else { return readAny(frame, at: ip, ours: ours, into: &packet) }
        guard ours.find(v4: destination) != AddressTable.absent else { return .passed }
        packet.hasOptions = false
        packet.ipOffset = Int32(truncatingIfNeeded: ip)
        packet.espOffset = Int32(truncatingIfNeeded: ip &+ IPv4Header.minimumByteCount)
        packet.espByteCount = Int32(truncatingIfNeeded: total &- IPv4Header.minimumByteCount)
        packet.spi = SPI(rawValue: frame.bigEndian32(at: ip &+ IPv4Header.minimumByteCount))
        packet.sequenceNumber = UInt64(frame.bigEndian32(at: ip &+ IPv4Header.minimumByteCount &+ 4))
        return .pending
    }

    /// The whole judgement, in order; also for what the quick way found nothing wrong with.
    @inline(never)
    private static func readAny(
        _ frame: RawSpan, at ip: Int, ours: AddressTable.Reader, into packet: inout Packet
    ) -> Verdict {
        guard let header = IPv4Header(reading: frame, at: ip) else { return .truncated }
        guard header.version == 4, header.byteCount >= IPv4Header.minimumByteCount else { return .malformedHeader }
        let isUDP = header.ipProtocol == IPProtocol.udp
        guard header.ipProtocol == IPProtocol.esp || isUDP, ours.find(header.destination) != AddressTable.absent else {
            return .passed
        }
        let payload = ip + header.byteCount
        // IKE and all else on other ports is the kernel's, whatever may be wrong with it; so is a fragment without ports.
        if isUDP {
            guard !header.isLaterFragment, let udp = UDPHeader(reading: frame, at: payload),
                udp.destinationPort == UDPHeader.encapsulationPort
            else { return .passed }
        }
        guard header.totalByteCount >= header.byteCount else { return .malformedHeader }
        guard ip + header.totalByteCount <= frame.byteCount else { return .truncated }
        guard InternetChecksum.sum(frame, from: ip, count: header.byteCount) == 0xFFFF else { return .badChecksum }
        if header.isFragment { return .fragment }
        packet.hasOptions = !header.isPlain
        packet.ipOffset = Int32(ip)
        let byteCount = header.totalByteCount - header.byteCount
        return isUDP
            ? readInUDP(frame, at: payload, byteCount: byteCount, into: &packet)
            : read(frame, esp: payload, byteCount: byteCount, into: &packet)
    }

    /// The payload of a UDP datagram to port 4500 of ours (RFC 3948 §2).
    static func readInUDP(
        _ frame: RawSpan, at offset: Int, byteCount: Int, into packet: inout Packet
    ) -> Verdict {
        guard byteCount >= UDPHeader.byteCount, let udp = UDPHeader(reading: frame, at: offset) else {
            return .truncated
        }
        // A datagram that is longer or shorter than its IP packet says would not reach the target as it came.
        guard udp.totalByteCount == byteCount else { return .wrongLength }
        let payload = offset + UDPHeader.byteCount
        let payloadByteCount = byteCount - UDPHeader.byteCount
        if payloadByteCount == 1, frame.byte(at: payload) == UDPHeader.keepalive { return .keepalive }
        guard payloadByteCount >= UDPHeader.nonESPMarkerByteCount else { return .truncated }
        if frame.bigEndian32(at: payload) == 0 { return .passed }
        return read(frame, esp: payload, byteCount: payloadByteCount, into: &packet)
    }

    static func read(_ frame: RawSpan, esp: Int, byteCount: Int, into packet: inout Packet) -> Verdict {
        guard byteCount >= ESPHeader.byteCount, let header = ESPHeader(reading: frame, at: esp) else {
            return .truncated
        }
        packet.espOffset = Int32(esp)
        packet.espByteCount = Int32(byteCount)
        packet.spi = header.spi
        packet.sequenceNumber = UInt64(header.sequenceNumberLow)
        return .pending
    }
}
