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
        // What nearly every packet is: no options, whole, no fragment. One length question, then fixed places.
        let least = IPv4Header.minimumByteCount + ESPHeader.byteCount
        guard frame.byteCount >= ip &+ least, let header = IPv4Header(reading: frame, at: ip), header.isPlain else {
            return readAny(frame, at: ip, ours: ours, into: &packet)
        }
        // Whose it is comes before what is wrong with it: a stranger's packet is the kernel's business.
        guard header.ipProtocol == IPProtocol.esp, ours.find(header.destination) != AddressTable.absent else {
            return .passed
        }
        guard header.totalByteCount >= least, ip &+ header.totalByteCount <= frame.byteCount, !header.isFragment,
            InternetChecksum.sumOfPlainIPv4Header(frame, at: ip) == 0xFFFF,
            let esp = ESPHeader(reading: frame, at: ip + IPv4Header.minimumByteCount)
        else { return readAny(frame, at: ip, ours: ours, into: &packet) }
        note(esp, ip: ip, headerByteCount: IPv4Header.minimumByteCount, totalByteCount: header.totalByteCount, in: &packet)
        return .pending
    }

    @inline(__always)
    private static func note(
        _ esp: ESPHeader, ip: Int, headerByteCount: Int, totalByteCount: Int, in packet: inout Packet
    ) {
        packet.hasOptions = headerByteCount != IPv4Header.minimumByteCount
        packet.ipOffset = Int32(truncatingIfNeeded: ip)
        packet.espOffset = Int32(truncatingIfNeeded: ip &+ headerByteCount)
        packet.espByteCount = Int32(truncatingIfNeeded: totalByteCount &- headerByteCount)
        packet.spi = esp.spi
        packet.sequenceNumber = UInt64(esp.sequenceNumberLow)
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
        note(esp, ip: ip, headerByteCount: headerByteCount, totalByteCount: header.totalByteCount, in: &packet)
        return .pending
    }
}
