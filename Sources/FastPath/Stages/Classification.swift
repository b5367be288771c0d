internal import Associations
internal import Wire

/// Receive -> is it ESP for an address of ours, and whole? Leaves the ESP header's place, SPI and number behind.
extension Router {
    /// Frames ahead of the one at hand whose first line is asked for.
    private static let prefetchDistance = 4

    @inline(__always)
    func classify(_ batch: inout PacketBatch, in memory: borrowing FrameMemory) {
        for index in 0..<batch.count {
            if index + Self.prefetchDistance < batch.count {
                memory.prefetch(at: batch[index + Self.prefetchDistance].start)
            }
            let frame = memory.bytes(at: batch[index].start, count: batch[index].byteCount)
            batch[index].verdict = classify(frame, &batch[index])
        }
    }

    /// `.pending` for an ESP packet of ours.
    @inline(__always)
    private func classify(_ frame: RawSpan, _ packet: inout Packet) -> Verdict {
        guard let ethernet = EthernetHeader(reading: frame) else { return .truncated }
        if ethernet.type != .ipv4 { return judgeOtherType(frame, ethernet.type) }

        let ip = EthernetHeader.byteCount
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
        packet.ipOffset = Int32(ip)
        packet.espOffset = Int32(truncatingIfNeeded: ip + headerByteCount)
        packet.espByteCount = Int32(truncatingIfNeeded: espByteCount)
        packet.spi = esp.spi
        packet.sequenceNumber = UInt64(esp.sequenceNumberLow)
        associations.prefetch(esp.spi)
        return .pending
    }

    /// What is not plainly IPv4 is the kernel's, unless a tag hides ESP of ours.
    private func judgeOtherType(_ frame: RawSpan, _ outermost: EtherType) -> Verdict {
        var type = outermost
        var at = EthernetHeader.byteCount
        for _ in 0..<2 where type.isTag {
            guard frame.byteCount >= at + EtherType.tagByteCount else { return .truncated }
            type = EtherType(rawValue: frame.bigEndian16(at: at + 2))
            at += EtherType.tagByteCount
        }
        guard outermost.isTag, type == .ipv4, let header = IPv4Header(reading: frame, at: at), header.version == 4,
            header.ipProtocol == IPProtocol.esp, ours.find(header.destination) != AddressTable.absent
        else { return .passed }
        return .vlanTagged
    }
}
