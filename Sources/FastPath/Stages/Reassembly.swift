internal import Associations
internal import Wire

/// Fragments of ESP for an address of ours -> the datagram, in the frame of the piece that came last. A stage that runs
/// only when a batch has fragments (docs/fragments.md).
extension Router {
    /// Every fragment of the batch ends as `held` or refused, or goes on as the packet that it completed.
    @inline(never)
    mutating func reassemble(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt32) {
        for at in 0..<batch.count where batch[at].verdict == .fragment {
            let verdict = join(&batch[at], in: memory, now: now)
            batch[at].verdict = verdict
            if verdict == .pending { associations.indexReader.prefetch(batch[at].spi) }
        }
    }

    /// Frees what waits too long; for every batch while something waits.
    mutating func ageFragments(now: UInt32) {
        firstFragments.now = now
        if reassembler.count > 0 { reassembler.age(now: now) }
    }

    /// Whether a packet that is not `pending` has to be looked at: a fragment, or an error about one of ours. Of UDP it may be
    /// what seemed to be nobody's: a later piece has no ports, and a first one of somebody else's says so of those.
    @inline(never)
    static func mayBeJoined(_ verdict: Verdict, _ frame: RawSpan, ours: AddressTable.Reader) -> Bool {
        if verdict == .fragment { return true }
        guard verdict == .passed, let header = IPv4Header(reading: frame, at: EthernetHeader.byteCount),
            header.version == 4,
            header.byteCount >= IPv4Header.minimumByteCount
        else { return false }
        guard header.ipProtocol == IPProtocol.udp && header.isFragment || header.ipProtocol == IPProtocol.icmp else {
            return false
        }
        return ours.find(header.destination) != AddressTable.absent
    }

    /// The same of IPv6, where fragments are told apart from the start.
    static func mayBeTooBig(_ verdict: Verdict, _ frame: RawSpan, ours: AddressTable.Reader) -> Bool {
        verdict == .passed && TooBig.mayBeIPv6(frame, at: EthernetHeader.byteCount, ours: ours)
    }

    private mutating func join(_ packet: inout Packet, in memory: borrowing FrameMemory, now: UInt32) -> Verdict {
        let ip = EthernetHeader.byteCount
        let frame = memory.bytes(at: packet.start, count: packet.byteCount)
        guard let header = IPv4Header(reading: frame, at: ip), header.version == 4 else {
            return joinIPv6(&packet, in: memory, now: now)
        }
        if header.ipProtocol == IPProtocol.icmp {
            guard TooBig.read(frame, at: ip) != nil else { return .passed }
            tooBigCount += 1
            return .tooBigHandedOn
        }
        let isUDP = header.ipProtocol == IPProtocol.udp
        // Of ESP all this was asked before. UDP may be the kernel's: it has its own judgement of what is wrong.
        guard header.totalByteCount >= header.byteCount, ip + header.totalByteCount <= frame.byteCount,
            InternetChecksum.sum(frame, from: ip, count: header.byteCount) == 0xFFFF
        else { return isUDP ? .passed : .truncated }
        let piece = Reassembler.Piece(
            key: DatagramKey(
                source: header.source, destination: header.destination,
                identification: UInt32(frame.bigEndian16(at: ip + IPv4Header.Offset.identification)),
                ipProtocol: header.ipProtocol),
            offset: Int(header.fragment & 0x1FFF) * 8, isLast: header.fragment & 0x2000 == 0)
        let payload = ip + header.byteCount
        let byteCount = header.totalByteCount - header.byteCount
        let isESP = !isUDP || piece.offset == 0 && Self.beginsESP(frame, at: payload, byteCount: byteCount)
        // RFC 791 §3.2: pieces before the last are multiples of 8 bytes, and no datagram ends behind 65,535.
        guard byteCount > 0, piece.isLast || byteCount % 8 == 0,
            header.byteCount + piece.offset + byteCount <= 65535
        else { return isESP ? .malformedHeader : .passed }
        if piece.offset == 0 && !isESP {
            reassembler.dismiss(piece.key, as: .passed, now: now)
            return .passed
        }
        let outcome = reassembler.add(
            piece, payload: frame.extracting(payload..<payload + byteCount),
            headers: frame.extracting(ip..<payload), now: now)
        return end(outcome, &packet, in: memory)
    }

    private mutating func end(
        _ outcome: Reassembler.Outcome, _ packet: inout Packet, in memory: borrowing FrameMemory
    ) -> Verdict {
        switch outcome {
        case .held: return .held
        case .duplicate: return .fragmentDuplicate
        case .refused(let verdict): return verdict
        case .whole(let place):
            let verdict = replace(&packet, byDatagramAt: place, in: memory)
            reassembler.release(place)
            return verdict
        }
    }

    /// A piece of ESP over IPv6. Of ESP in UDP only the first has ports, and the others do not come here: it stays `fragment`.
    ///
    ///     | IPv6 40, extension headers for the way | fragment header 8 | a piece of what follows them |
    @inline(never)
    private mutating func joinIPv6(
        _ packet: inout Packet, in memory: borrowing FrameMemory, now: UInt32
    ) -> Verdict {
        let ip = EthernetHeader.byteCount
        let frame = memory.bytes(at: packet.start, count: packet.byteCount)
        guard let header = IPv6Header(reading: frame, at: ip), header.version == 6 else { return .fragment }
        if header.nextHeader == IPProtocol.icmpv6 {
            guard TooBig.read(frame, at: ip) != nil else { return .passed }
            tooBigCount += 1
            return .tooBigHandedOn
        }
        guard !header.hasMappedAddress else { return .mappedAddress }
        let end = ip + header.totalByteCount
        let chain = IPv6Chain(of: header, in: frame, at: ip)
        guard chain.end == .fragment, end <= frame.byteCount else { return .truncated }
        guard frame.byte(at: chain.offset) == IPProtocol.esp else { return .fragment }
        let word = frame.bigEndian16(at: chain.offset + 2)
        let piece = Reassembler.Piece(
            key: DatagramKey(
                source: header.source, destination: header.destination,
                identification: frame.bigEndian32(at: chain.offset + 4), ipProtocol: IPProtocol.esp),
            offset: Int(word & 0xFFF8), isLast: word & 1 == 0)
        let payload = chain.offset + 8
        let headerByteCount = chain.offset - ip
        // RFC 8200 §4.5: as in IPv4.
        guard end > payload, piece.isLast || (end - payload) % 8 == 0,
            headerByteCount - IPv6Header.byteCount + piece.offset + end - payload <= 65535
        else { return .malformedHeader }
        if piece.offset == 0 {
            // What the headers name next, once the fragment header is gone.
            var name = memory.mutableBytes(at: packet.start + chain.namedAt, count: 1)
            name.store(IPProtocol.esp, at: 0)
        }
        let outcome = reassembler.add(
            piece, payload: frame.extracting(payload..<end), headers: frame.extracting(ip..<chain.offset), now: now)
        return self.end(outcome, &packet, in: memory)
    }

    /// A first piece of UDP to port 4500 that is not IKE's (RFC 3948 §2.2). One too short for its marker is no ESP.
    private static func beginsESP(_ frame: RawSpan, at offset: Int, byteCount: Int) -> Bool {
        guard byteCount >= UDPHeader.byteCount + UDPHeader.nonESPMarkerByteCount,
            let udp = UDPHeader(reading: frame, at: offset)
        else { return false }
        return udp.destinationPort == UDPHeader.encapsulationPort
            && frame.bigEndian32(at: offset + UDPHeader.byteCount) != 0
    }

    /// Puts a whole datagram behind the Ethernet header of the frame whose piece completed it: the first piece's headers,
    /// no longer those of a fragment. Then it is read as if it had come so.
    private func replace(
        _ packet: inout Packet, byDatagramAt place: Int, in memory: borrowing FrameMemory
    ) -> Verdict {
        let ip = packet.start + EthernetHeader.byteCount
        let headerByteCount = reassembler.headerByteCount(at: place)
        let payloadByteCount = reassembler.payloadByteCount(at: place)
        let total = headerByteCount + payloadByteCount
        let frameEnd = (packet.start / memory.frameStride + 1) * memory.frameStride
        guard ip + total + Tailroom.byteCount <= frameEnd else { return .fragmentTooLarge }
        var header = memory.mutableBytes(at: ip, count: headerByteCount)
        reassembler.copyHeaders(at: place, to: &header)
        var payload = memory.mutableBytes(at: ip + headerByteCount, count: payloadByteCount)
        reassembler.copyPayload(at: place, to: &payload)
        packet.byteCount = EthernetHeader.byteCount + total
        let whole = memory.bytes(at: packet.start, count: packet.byteCount)
        if IPHeader.version(whole, at: EthernetHeader.byteCount) == 6 {
            header.storeBigEndian(UInt16(total - IPv6Header.byteCount), at: IPv6Header.Offset.payloadLength)
            return ESPDatagram.readIPv6(whole, at: EthernetHeader.byteCount, ours: ours.reader, into: &packet)
        }
        header.storeBigEndian(UInt16(total), at: IPv4Header.Offset.totalLength)
        // DF stays as it was; MF and offset are gone.
        let flags = memory.bytes(at: ip, count: headerByteCount).bigEndian16(at: IPv4Header.Offset.fragment)
        header.storeBigEndian(flags & 0xC000, at: IPv4Header.Offset.fragment)
        IPv4Rewriting.writeChecksum(at: ip, headerByteCount: headerByteCount, in: memory)
        var known = ours.reader
        return ESPDatagram.read(whole, at: EthernetHeader.byteCount, ours: &known, into: &packet)
    }
}
