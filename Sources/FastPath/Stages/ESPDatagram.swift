internal import Associations
internal import Wire

/// Is this IPv4 packet ESP for an address of ours, and whole? The same question at the router, behind Ethernet, and at a
/// target, behind GRE.
enum ESPDatagram {
    /// `.pending` for an ESP packet of ours; then its places, SPI and number stand in `packet`.
    ///
    /// - Parameter ip: Offset of the IP header in `frame`, which begins where `packet` does.
    @inline(__always)
    static func read(_ frame: RawSpan, at ip: Int, ours: AddressTable.Reader, into packet: inout Packet) -> Verdict {
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
        guard ours.find(IPAddress(v4: destination)) != AddressTable.absent else { return .passed }
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
        guard header.ipProtocol == IPProtocol.esp, ours.find(header.destination) != AddressTable.absent else {
            return .passed
        }
        let headerByteCount = header.byteCount
        guard header.totalByteCount >= headerByteCount else { return .malformedHeader }
        guard ip + header.totalByteCount <= frame.byteCount else { return .truncated }
        guard InternetChecksum.sum(frame, from: ip, count: headerByteCount) == 0xFFFF else { return .badChecksum }
        if header.isFragment { return .fragment }
        guard header.totalByteCount - headerByteCount >= ESPHeader.byteCount,
            let esp = ESPHeader(reading: frame, at: ip + headerByteCount)
        else { return .truncated }
        packet.hasOptions = !header.isPlain
        packet.ipOffset = Int32(ip)
        packet.espOffset = Int32(ip + headerByteCount)
        packet.espByteCount = Int32(header.totalByteCount - headerByteCount)
        packet.spi = esp.spi
        packet.sequenceNumber = UInt64(esp.sequenceNumberLow)
        return .pending
    }
}
