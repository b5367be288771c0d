internal import Wire

/// Receive -> is it ESP for an address of ours, and whole? Leaves the ESP header's place, SPI and number behind. Fragments are
/// left to `reassemble`.
extension Router {
    /// Frames ahead of the one at hand whose first line is asked for.
    private static let prefetchDistance = 4

    /// Returns how many packets of the batch are fragments, or may be.
    @inline(__always)
    func classify(_ batch: inout PacketBatch, in memory: borrowing FrameMemory) -> Int {
        let packets = batch.packets.view
        let frames = memory.view
        var ours = ours.reader
        let index = associations.indexReader
        let count = batch.count
        var fragments = 0
        for at in 0..<count {
            if at &+ Self.prefetchDistance < count { frames.prefetch(at: packets[at &+ Self.prefetchDistance].start) }
            let frame = frames.bytes(at: packets[at].start, count: packets[at].byteCount)
            guard let ethernet = EthernetHeader(reading: frame), ethernet.type == .ipv4 else {
                let verdict = judgeOtherType(frame, ours, into: &packets[at], &batch.hasIPv6)
                packets[at].verdict = verdict
                if verdict == .pending { index.prefetch(packets[at].spi) }
                if verdict == .fragment { fragments &+= 1 }
                continue
            }
            let verdict = ESPDatagram.read(frame, at: EthernetHeader.byteCount, ours: &ours, into: &packets[at])
            packets[at].verdict = verdict
            if verdict == .pending {
                index.prefetch(packets[at].spi)
            } else if Self.mayBeJoined(verdict, frame, ours: ours) {
                packets[at].verdict = .fragment
                fragments &+= 1
            }
        }
        return fragments
    }

    /// What is neither IPv4 nor IPv6, behind two 802.1Q or 802.1ad tags at most, is the kernel's.
    @inline(never)
    private func judgeOtherType(
        _ frame: RawSpan, _ ours: AddressTable.Reader, into packet: inout Packet, _ hasIPv6: inout Bool
    ) -> Verdict {
        guard let ethernet = EthernetHeader(reading: frame) else { return .truncated }
        if ethernet.type == .ipv6 {
            hasIPv6 = true
            let verdict = ESPDatagram.readIPv6(frame, at: EthernetHeader.byteCount, ours: ours, into: &packet)
            return Self.mayBeTooBig(verdict, frame, ours: ours) ? .fragment : verdict
        }
        var type = ethernet.type
        var tagsByteCount = 0
        for _ in 0..<2 where type.isTag {
            let next = EthernetHeader.byteCount + tagsByteCount
            guard frame.byteCount >= next + EtherType.tagByteCount else { return .truncated }
            type = EtherType(rawValue: frame.bigEndian16(at: next + 2))
            tagsByteCount += EtherType.tagByteCount
        }
        guard ethernet.type.isTag, type == .ipv4 || type == .ipv6 else { return .passed }
        // So many bytes later it is a frame without tags, but for the link's addresses, which nobody reads.
        let untagged = frame.extracting(droppingFirst: tagsByteCount)
        var verdict: Verdict
        if type == .ipv4 {
            var known = ours
            verdict = ESPDatagram.read(untagged, at: EthernetHeader.byteCount, ours: &known, into: &packet)
            if Self.mayBeJoined(verdict, untagged, ours: ours) { verdict = .fragment }
        } else {
            hasIPv6 = true
            verdict = ESPDatagram.readIPv6(untagged, at: EthernetHeader.byteCount, ours: ours, into: &packet)
            if Self.mayBeTooBig(verdict, untagged, ours: ours) { verdict = .fragment }
        }
        if verdict != .passed {
            packet.start += tagsByteCount
            packet.byteCount -= tagsByteCount
        }
        return verdict
    }
}
