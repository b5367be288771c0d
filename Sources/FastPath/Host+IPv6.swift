internal import Wire

/// What sealing asks of the header of a packet that the host's own stack sends, IPv4 or IPv6.
struct OutgoingHeader {
    let isIPv6: Bool
    /// Header and payload; what lies behind is nobody's.
    let totalByteCount: Int
    /// DSCP and ECN.
    let trafficClass: UInt8
    let dontFragment: Bool
    /// What stays in front of ESP in transport mode, and what follows it: an IPv4 header with its options and the payload;
    /// an IPv6 header with the extension headers for the way and all else.
    let splitByteCount: Int
    let splitProtocol: UInt8
    /// Offset of the byte that names what follows; IPv6.
    private let namedAt: Int

    /// nil for what is no packet, or, of IPv6, not to leave the link.
    init?(_ packet: RawSpan) {
        guard packet.byteCount > 0 else { return nil }
        isIPv6 = IPHeader.version(packet) == 6
        if isIPv6 {
            guard let header = IPv6Header(reading: packet), header.totalByteCount <= packet.byteCount,
                !header.destination.staysOnLink, !header.source.staysOnLink
            else { return nil }
            let chain = IPv6Chain(of: header, in: packet)
            totalByteCount = header.totalByteCount
            trafficClass = header.trafficClass
            // A packet that no router may take apart keeps that within IPv4.
            dontFragment = true
            splitByteCount = chain.splitOffset
            splitProtocol = chain.splitProtocol
            namedAt = chain.splitNamedAt
        } else {
            guard let header = IPv4Header(reading: packet), header.version == 4,
                header.totalByteCount <= packet.byteCount
            else { return nil }
            totalByteCount = header.totalByteCount
            trafficClass = packet.byte(at: IPv4Header.Offset.versionAndLength + 1)
            dontFragment = header.fragment & 0x4000 != 0
            splitByteCount = header.byteCount
            splitProtocol = header.ipProtocol
            namedAt = 0
        }
    }

    /// What ESP in tunnel mode calls the packet.
    var nextHeader: UInt8 { isIPv6 ? IPProtocol.ipv6 : IPProtocol.ipv4 }

    /// Transport mode: makes room for ESP behind what stays in front of it.
    func move(from: Int, to: Int, totalByteCount: Int, ipProtocol: UInt8, in memory: borrowing FrameMemory) {
        if isIPv6 {
            IPv6Rewriting.move(
                from: from, to: to, headerByteCount: splitByteCount, totalByteCount: totalByteCount, namedAt: namedAt,
                nextHeader: ipProtocol, in: memory)
        } else {
            IPv4Rewriting.move(
                from: from, to: to, headerByteCount: splitByteCount, totalByteCount: totalByteCount,
                ipProtocol: ipProtocol, in: memory)
        }
    }
}

extension Host {
    /// Tunnel mode: the outer header, of the family of the SA's addresses, right in front of `end`.
    func writeOuter(
        _ packet: inout Packet, _ header: OutgoingHeader, _ record: OutboundAssociation, upTo end: Int,
        payloadByteCount: Int, _ ipProtocol: UInt8, in memory: borrowing FrameMemory
    ) {
        if record.source.isV4 {
            packet.start = end - IPv4Header.minimumByteCount
            packet.byteCount = IPv4Header.minimumByteCount + payloadByteCount
            IPv4Rewriting.write(
                at: packet.start, totalByteCount: packet.byteCount, trafficClass: header.trafficClass,
                dontFragment: header.dontFragment,
                identification: UInt16(truncatingIfNeeded: packet.sequenceNumber), source: record.source,
                destination: record.destination, ipProtocol: ipProtocol, in: memory)
        } else {
            packet.start = end - IPv6Header.byteCount
            packet.byteCount = IPv6Header.byteCount + payloadByteCount
            IPv6Rewriting.write(
                at: packet.start, payloadByteCount: payloadByteCount, trafficClass: header.trafficClass,
                source: record.source, destination: record.destination, nextHeader: ipProtocol, in: memory)
        }
    }

    /// ESP in UDP over IPv6 has a checksum, which wants the ciphertext: after the sealing.
    @inline(never)
    func completeUDP(_ batch: borrowing PacketBatch, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count where outbound.records[Int(works[index].association)].isInUDP6 {
            let packet = batch[Int(works[index].packet)]
            let addresses = IPHeader.addresses(at: packet.start, in: memory)
            UDPHeader.writeChecksum(
                at: packet.start + Int(packet.espOffset) - UDPHeader.byteCount,
                byteCount: UDPHeader.byteCount + Int(packet.espByteCount), source: addresses.source,
                destination: addresses.destination, in: memory)
        }
    }
}

/// A packet of either version where an IP header begins.
enum IPPacket {
    /// Bytes of the packet, as its header says. Traps when the header is not there.
    static func byteCount(_ bytes: RawSpan) -> Int {
        IPHeader.version(bytes) == 6
            ? IPv6Header.byteCount + Int(bytes.bigEndian16(at: IPv6Header.Offset.payloadLength))
            : Int(bytes.bigEndian16(at: IPv4Header.Offset.totalLength))
    }

    /// `.pending` and the bytes that the header says, where all of them are there.
    static func judge(_ bytes: RawSpan) -> (verdict: Verdict, byteCount: Int) {
        guard bytes.byteCount > 0 else { return (.truncated, 0) }
        let total: Int
        if IPHeader.version(bytes) == 6 {
            guard let header = IPv6Header(reading: bytes) else { return (.truncated, 0) }
            total = header.totalByteCount
        } else {
            guard let header = IPv4Header(reading: bytes) else { return (.truncated, 0) }
            guard header.version == 4, header.byteCount >= IPv4Header.minimumByteCount,
                header.totalByteCount >= header.byteCount
            else { return (.malformedHeader, 0) }
            total = header.totalByteCount
        }
        return total <= bytes.byteCount ? (.pending, total) : (.truncated, 0)
    }
}
