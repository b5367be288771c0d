internal import Associations
internal import Wire

/// Is this IPv4 packet ESP for an address of ours, and whole? The same question at the router, behind Ethernet, and at a
/// target, behind GRE.
enum ESPDatagram {
    /// `.pending` for an ESP packet of ours; then its places, SPI and number stand in `packet`.
    ///
    /// - Parameter ip: Offset of the IP header in `frame`, which begins where `packet` does.
    @inline(__always)
    static func read(_ frame: RawSpan, at ip: Int, ours: borrowing AddressTable, into packet: inout Packet) -> Verdict {
        guard let header = IPv4Header(reading: frame, at: ip) else { return .truncated }
        if !header.isPlain && (header.version != 4 || header.byteCount < IPv4Header.minimumByteCount) {
            return .malformedHeader
        }
        // Whose it is comes before what is wrong with it: a stranger's packet is the kernel's business.
        guard header.ipProtocol == IPProtocol.esp, ours.find(header.destination) != AddressTable.absent else {
            return .passed
        }
        let headerByteCount = header.byteCount
        guard header.totalByteCount >= headerByteCount else { return .malformedHeader }
        guard ip + header.totalByteCount <= frame.byteCount else { return .truncated }
        let sum =
            header.isPlain
            ? InternetChecksum.sumOfPlainIPv4Header(frame, at: ip)
            : InternetChecksum.sum(frame, from: ip, count: headerByteCount)
        guard sum == 0xFFFF else { return .badChecksum }
        if header.isFragment { return .fragment }
        let espByteCount = header.totalByteCount - headerByteCount
        guard espByteCount >= ESPHeader.byteCount, let esp = ESPHeader(reading: frame, at: ip + headerByteCount) else {
            return .truncated
        }
        packet.hasOptions = !header.isPlain
        packet.ipOffset = Int32(truncatingIfNeeded: ip)
        packet.espOffset = Int32(truncatingIfNeeded: ip + headerByteCount)
        packet.espByteCount = Int32(truncatingIfNeeded: espByteCount)
        packet.spi = esp.spi
        packet.sequenceNumber = UInt64(esp.sequenceNumberLow)
        return .pending
    }
}
