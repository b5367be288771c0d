internal import Wire

/// A TCP segment that may be joined with its neighbours: in IPv4 without options or in IPv6 without extension headers, whole,
/// with payload, and with no flag but ACK and PSH.
struct JoinableSegment: BitwiseCopyable {
    var isV4 = true
    /// Whose it is: source and destination, ports.
    var source = IPAddress(high: 0, low: 0)
    var destination = IPAddress(high: 0, low: 0)
    var ports: UInt32 = 0
    var sequence: UInt32 = 0
    var headerByteCount = 0
    var payloadByteCount = 0
    var isPushed = false
    /// It is TCP whose flow is known; what follows of the same flow must not overtake it.
    var hasFlow = false
    var isJoinable = false

    var tcp: Int { isV4 ? IPv4Header.minimumByteCount : IPv6Header.byteCount }

    init() {}

    /// Looks at an IP packet that begins with `packet`'s first byte. The checksum is not asked yet.
    init(reading packet: RawSpan) {
        guard packet.byteCount >= IPv4Header.minimumByteCount + TCPHeader.minimumByteCount else { return }
        isV4 = packet.byte(at: 0) >> 4 == 4
        var total = packet.byteCount
        if isV4 {
            guard let ip = IPv4Header(reading: packet), ip.isPlain, !ip.isFragment, ip.ipProtocol == IPProtocol.tcp
            else {
                return
            }
            // Where it may be fragmented later, its identification means something, and joining forgets it.
            guard ip.fragment & 0x4000 != 0 else { return }
            (source, destination, total) = (ip.source, ip.destination, ip.totalByteCount)
        } else {
            guard packet.byteCount >= IPv6Header.byteCount + TCPHeader.minimumByteCount, packet.byte(at: 0) >> 4 == 6,
                packet.byte(at: IPv6Header.Offset.nextHeader) == IPProtocol.tcp
            else { return }
            source = IPAddress(v6: packet, at: IPv6Header.Offset.source)
            destination = IPAddress(v6: packet, at: IPv6Header.Offset.destination)
            total = IPv6Header.byteCount + Int(packet.bigEndian16(at: IPv6Header.Offset.payloadLength))
        }
        ports = packet.bigEndian32(at: tcp)
        sequence = packet.bigEndian32(at: tcp + TCPHeader.Offset.sequence)
        hasFlow = true
        let length = Int(packet.byte(at: tcp + TCPHeader.Offset.dataOffset) >> 4) * 4
        let flags = packet.byte(at: tcp + TCPHeader.Offset.flags)
        headerByteCount = tcp + length
        payloadByteCount = total - headerByteCount
        isPushed = flags & TCPHeader.Flag.psh != 0
        isJoinable =
            length >= TCPHeader.minimumByteCount && payloadByteCount > 0 && total == packet.byteCount
            && flags & ~TCPHeader.Flag.psh == TCPHeader.Flag.ack
            && packet.byte(at: tcp + TCPHeader.Offset.dataOffset) & 15 == 0
    }

    func isSameFlow(as other: JoinableSegment) -> Bool {
        ports == other.ports && source == other.source && destination == other.destination && isV4 == other.isV4
    }

    /// TCP's checksum is right: what is joined is not asked again by the host.
    func isWhole(_ packet: RawSpan) -> Bool {
        InternetChecksum.sum(packet, from: tcp, initial: pseudoHeaderSum(byteCount: packet.byteCount - tcp)) == 0xFFFF
    }

    /// As if `byteCount` bytes of TCP followed the IP header.
    func pseudoHeaderSum(byteCount: Int) -> UInt16 {
        PseudoHeader.sum(
            source: source, destination: destination, ipProtocol: IPProtocol.tcp, byteCount: byteCount)
    }
}

/// A run of segments of one flow, each behind the one before, that the host takes as one (receive offload). The first one's
/// headers become those of all.
struct SegmentJoiner {
    /// Bytes of the longest IP packet.
    private static let longest = 65_535

    private let first: JoinableSegment
    private var nextSequence: UInt32
    private(set) var count = 1
    private(set) var byteCount: Int
    /// Nothing may follow: the last one was short, or pushed.
    private(set) var isComplete: Bool
    private var isPushed: Bool

    /// `first` must be joinable.
    init(_ first: JoinableSegment) {
        self.first = first
        nextSequence = first.sequence &+ UInt32(truncatingIfNeeded: first.payloadByteCount)
        byteCount = first.headerByteCount + first.payloadByteCount
        isPushed = first.isPushed
        isComplete = isPushed
    }

    /// Takes a segment of the same flow, when it fits behind the last one and its headers say the same; false: it ends the run.
    /// Whether its checksum is right is the caller's to ask.
    mutating func join(_ segment: JoinableSegment, _ packet: RawSpan, behind head: RawSpan) -> Bool {
        guard !isComplete, segment.isJoinable, segment.sequence == nextSequence,
            segment.headerByteCount == first.headerByteCount, segment.payloadByteCount <= first.payloadByteCount,
            byteCount + segment.payloadByteCount <= Self.longest, saysTheSame(packet, as: head)
        else { return false }
        nextSequence = nextSequence &+ UInt32(truncatingIfNeeded: segment.payloadByteCount)
        byteCount += segment.payloadByteCount
        count += 1
        isPushed = segment.isPushed
        isComplete = isPushed || segment.payloadByteCount < first.payloadByteCount
        return true
    }

    /// Traffic class, hops, acknowledgement, window, urgent pointer and options.
    private func saysTheSame(_ packet: RawSpan, as head: RawSpan) -> Bool {
        let tcp = first.tcp
        if first.isV4 {
            // Version, length and class; hops and protocol.
            guard packet.bigEndian16(at: 0) == head.bigEndian16(at: 0),
                packet.bigEndian16(at: 8) == head.bigEndian16(at: 8)
            else { return false }
        } else {
            guard packet.bigEndian32(at: 0) == head.bigEndian32(at: 0),
                packet.bigEndian16(at: IPv6Header.Offset.nextHeader)
                    == head.bigEndian16(at: IPv6Header.Offset.nextHeader)
            else { return false }
        }
        guard
            packet.bigEndian32(at: tcp + TCPHeader.Offset.acknowledgement)
                == head.bigEndian32(at: tcp + TCPHeader.Offset.acknowledgement),
            packet.byte(at: tcp + TCPHeader.Offset.dataOffset) == head.byte(at: tcp + TCPHeader.Offset.dataOffset),
            packet.bigEndian16(at: tcp + TCPHeader.Offset.window)
                == head.bigEndian16(at: tcp + TCPHeader.Offset.window),
            packet.bigEndian16(at: tcp + TCPHeader.Offset.urgent) == head.bigEndian16(at: tcp + TCPHeader.Offset.urgent)
        else { return false }
        var at = tcp + TCPHeader.minimumByteCount
        while at < first.headerByteCount {
            if packet.bigEndian32(at: at) != head.bigEndian32(at: at) { return false }
            at += 4
        }
        return true
    }

    /// What the host is told, and the first packet's headers made those of the whole run. More than one must have been joined.
    func finish(_ head: inout MutableRawSpan) -> VirtualNetHeader {
        let tcp = first.tcp
        if first.isV4 {
            head.storeBigEndian(UInt16(truncatingIfNeeded: byteCount), at: IPv4Header.Offset.totalLength)
            head.storeBigEndian(UInt16(0), at: IPv4Header.Offset.checksum)
            head.storeBigEndian(~InternetChecksum.sum(head.bytes, count: tcp), at: IPv4Header.Offset.checksum)
        } else {
            let length = UInt16(truncatingIfNeeded: byteCount - IPv6Header.byteCount)
            head.storeBigEndian(length, at: IPv6Header.Offset.payloadLength)
        }
        if isPushed {
            head.store(
                head.bytes.byte(at: tcp + TCPHeader.Offset.flags) | TCPHeader.Flag.psh, at: tcp + TCPHeader.Offset.flags
            )
        }
        let pseudo = first.pseudoHeaderSum(byteCount: byteCount - tcp)
        head.storeBigEndian(pseudo, at: tcp + TCPHeader.Offset.checksum)
        var header = VirtualNetHeader()
        header.flags = VirtualNetHeader.Flag.needsChecksum
        header.segmentation = first.isV4 ? VirtualNetHeader.Segmentation.tcpv4 : VirtualNetHeader.Segmentation.tcpv6
        header.headerByteCount = UInt16(truncatingIfNeeded: first.headerByteCount)
        header.segmentByteCount = UInt16(truncatingIfNeeded: first.payloadByteCount)
        header.checksumStart = UInt16(truncatingIfNeeded: tcp)
        header.checksumOffset = UInt16(truncatingIfNeeded: TCPHeader.Offset.checksum)
        return header
    }
}
