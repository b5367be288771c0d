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

        let verdict = ESPDatagram.read(frame, at: EthernetHeader.byteCount, ours: ours, into: &packet)
        if verdict == .pending { associations.prefetch(packet.spi) }
        return verdict
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
