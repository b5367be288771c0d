internal import Associations
internal import Wire

/// What nearly every packet of a target is, in a few steps: a segment of TCP in the middle of its connection, in IPv4 without
/// options or fragments, in a tunnel between IPv4 addresses under AES-GCM. What is not plainly that and right goes the whole
/// way; what comes of a packet is the same on either (`PlainWayTests`).
enum PlainOutcome {
    case done
    /// The SA has no number for it now.
    case waits
    /// For the whole way.
    case other
}

extension Host {
    /// Flags of a connection's edges: who follows it, and who makes its segments fit, asks more.
    private static let edges = TCPHeader.Flag.syn | TCPHeader.Flag.fin | TCPHeader.Flag.rst
    private static let headersByteCount = IPv4Header.minimumByteCount + TCPHeader.minimumByteCount

    /// Policy, SA and number for a packet of the host's own stack, and ESP around it, but for the encryption.
    ///
    ///     | outer IPv4 20 | ESP 8 | IV 8 | inner IPv4 ... | pad | n, 4 | ICV 16 |
    @inline(__always)
    mutating func sealPlain(
        _ index: Int, _ packets: SlabView<Packet>, to work: Int, in frames: FrameView, now: UInt64,
        _ served: inout AddressTable.Reader
    ) -> PlainOutcome {
        let (start, byteCount) = (packets[index].start, packets[index].byteCount)
        guard usesPlainWay, byteCount >= Self.headersByteCount else { return .other }
        let inner = frames.bytes(at: start, count: byteCount)
        guard let sent = InnerPacket.readPlainTCP(inner, payloadByteCount: byteCount), sent.tcpFlags & Self.edges == 0
        else { return .other }
        let flow = sent.reversed
        let place = outbound.find(flow)
        guard place >= 0 else { return .other }
        let records = outbound.records.view
        let first = inner.bigEndian64(at: 0)
        let total = Int(truncatingIfNeeded: first >> 32 & 0xFFFF)
        let text = (total &+ ESPLayout.trailerByteCount &+ 3) & ~3
        let espByteCount = ESPLayout.prefixByteCount &+ text &+ ESPLayout.icvByteCount
        guard records[place].isPlain, IPv4Header.minimumByteCount &+ espByteCount <= pathMTU,
            !records[place].isSpent(for: espByteCount)
        else { return .other }
        packets[index].association = Int32(truncatingIfNeeded: place)
        let number = records[place].next
        guard number < records[place].end, now < records[place].validUntil else { return .waits }
        records[place].next = number &+ 1
        records[place].packets &+= 1
        records[place].bytes &+= UInt64(truncatingIfNeeded: espByteCount)
        let seconds = Self.seconds(now)
        sentNumbers.note(records[place].spi, number, now: seconds)
        let dvipa = served.find(v4: flow.local)
        if dvipa >= 0 {
            connections.note(
                TCPSegment(inTheMiddle: sent.tcpFlags, acknowledgement: inner.bigEndian32(at: 28)),
                of: ConnectionKey(flow, dvipa: dvipa), from: .local, now: seconds)
        }

        let front = IPv4Header.minimumByteCount &+ ESPLayout.prefixByteCount
        packets[index].start = start &- front
        packets[index].byteCount = IPv4Header.minimumByteCount &+ espByteCount
        var bytes = frames.mutableBytes(at: start &- front, count: packets[index].byteCount)
        // DSCP, ECN and DF are the inner packet's (RFC 4301 §5.1.2.1, RFC 6040 §4.1); without DF the identification tells
        // fragments apart (RFC 6864 §4.2).
        let trafficClass = first >> 48 & 0xFF
        let mayNotBeCut = first & 0x4000 != 0
        let head =
            (0x4500 | trafficClass) << 48 | UInt64(truncatingIfNeeded: packets[index].byteCount) << 32
            | (mayNotBeCut ? 0x4000 : (number & 0xFFFF) << 16)
        let addresses =
            UInt64(records[place].source.v4) << 32 | UInt64(records[place].destination.v4)
        let ttl = UInt64(0x4000 | UInt16(IPProtocol.esp))
        let sum = (head >> 32) &+ (head & 0xFFFF_FFFF) &+ (addresses >> 32) &+ (addresses & 0xFFFF_FFFF) &+ ttl << 16
        bytes.storeBigEndian(head, at: 0)
        bytes.storeBigEndian(UInt32(truncatingIfNeeded: ttl << 16) | UInt32(~InternetChecksum.fold(sum)), at: 8)
        bytes.storeBigEndian(addresses, at: IPv4Header.Offset.source)
        bytes.storeBigEndian(
            UInt64(records[place].spi.rawValue) << 32 | number & 0xFFFF_FFFF, at: IPv4Header.minimumByteCount)
        bytes.storeBigEndian(number, at: IPv4Header.minimumByteCount &+ ESPHeader.Offset.iv)
        let end = front &+ total
        let padding = text &- total &- ESPLayout.trailerByteCount
        for pad in 0..<padding { bytes.store(UInt8(truncatingIfNeeded: pad &+ 1), at: end &+ pad) }
        let trailer = UInt16(truncatingIfNeeded: padding << 8) | UInt16(IPProtocol.ipv4)
        bytes.storeBigEndian(trailer, at: end &+ padding)

        packets[index].sequenceNumber = number
        packets[index].espOffset = Int32(IPv4Header.minimumByteCount)
        packets[index].espByteCount = Int32(truncatingIfNeeded: espByteCount)
        packets[index].verdict = .sealed
        works[work] = CipherWork(
            packet: Int32(truncatingIfNeeded: index), association: Int32(truncatingIfNeeded: place),
            start: start &- ESPLayout.prefixByteCount, byteCount: espByteCount, salt: records[place].salt,
            suite: records[place].suite)
        return .done
    }

    /// GRE of a router around ESP for us: leaves the places, SPI and number behind.
    ///
    /// - Parameter router: The last one's address; 0 before the first.
    @inline(__always)
    func receivePlain(
        _ packet: inout Packet, from routers: [IPAddress], last router: inout UInt32, in frames: FrameView,
        _ ours: inout AddressTable.Reader
    ) -> Bool {
        let esp = IPv4Header.minimumByteCount &+ GREHeader.byteCount
        let frame = frames.bytes(at: packet.start, count: packet.byteCount)
        guard usesPlainWay, frame.byteCount > esp, frame.byte(at: 0) == 0x45,
            frame.byte(at: IPv4Header.Offset.ipProtocol) == IPProtocol.gre, frame.byte(at: esp) == 0x45
        else { return false }
        let gre = frame.bigEndian64(at: IPv4Header.minimumByteCount)
        let source = frame.bigEndian32(at: IPv4Header.Offset.source)
        guard gre >> 32 == UInt64(GREHeader.keyOnly) << 16 | UInt64(EtherType.ipv4.rawValue),
            UInt32(truncatingIfNeeded: gre) >= epoch.rawValue
        else { return false }
        if source != router {
            guard routers.contains(IPAddress(v4: source)) else { return false }
            router = source
        }
        let verdict = ESPDatagram.read(frame, at: esp, ours: &ours, into: &packet)
        packet.verdict = verdict
        return verdict == .pending
    }

    /// Tunnel check and delivery of a packet whose ICV was right. False when it takes the whole way.
    @inline(__always)
    mutating func deliverPlain(
        _ work: Int, _ packets: SlabView<Packet>, in frames: FrameView, now: UInt32,
        _ served: inout AddressTable.Reader
    ) -> Bool {
        let packet = Int(works[work].packet)
        let payload = works[work].payloadByteCount
        let place = Int(works[work].association)
        guard usesPlainWay, inbound.records[place].isTunnel, works[work].nextHeader == IPProtocol.ipv4,
            payload >= Self.headersByteCount, !filter.isActive
        else { return false }
        let plaintext = works[work].start &+ works[work].suite.prefixByteCount
        let inner = frames.bytes(at: plaintext, count: payload)
        guard let flow = InnerPacket.readPlainTCP(inner, payloadByteCount: payload), flow.tcpFlags & Self.edges == 0,
            inbound.selectors.reader.allowIPv4(flow, head: inbound.records[place].selectors)
        else { return false }
        // Congestion marks that are none, or the inner packet's own, leave it as it is (RFC 6040 §4.2).
        let outer = frames.bytes(at: packets[packet].start &+ Int(packets[packet].ipOffset), count: 2)
        let marks = outer.byte(at: 1) & 3
        let dvipa = served.find(v4: flow.local)
        guard outer.byte(at: 0) >> 4 == 4, marks == 0 || marks == inner.byte(at: 1) & 3, servesAll || dvipa >= 0
        else { return false }
        packets[packet].start = plaintext
        packets[packet].byteCount = Int(inner.bigEndian16(at: IPv4Header.Offset.totalLength))
        packets[packet].verdict = .delivered
        if dvipa >= 0 {
            connections.note(
                TCPSegment(inTheMiddle: flow.tcpFlags, acknowledgement: inner.bigEndian32(at: 28)),
                of: ConnectionKey(flow, dvipa: dvipa), from: .remote, now: now)
        }
        return true
    }
}
