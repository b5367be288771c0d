internal import Associations
internal import Wire

/// The SAs that a target cannot do: the router's relay opens and seals in its place, and between the two packets go in
/// clear, in GRE, over the trusted link (docs/relay.md).
extension Host {
    /// A packet that a router opened, `inner` bytes behind the packet's start. It is taken only for an SA that the
    /// router said it relays, and judged by that SA's selectors and by what is served here, as if it had been opened
    /// here.
    mutating func receiveInClear(
        at inner: Int, _ packet: inout Packet, in memory: borrowing FrameMemory, now: UInt32
    ) -> Verdict {
        let start = packet.start + inner
        let bytes = memory.bytes(at: start, count: packet.byteCount - inner)
        let judged = IPPacket.judge(bytes)
        guard judged.verdict == .pending else { return judged.verdict }
        var flow = Flow.none
        var hasOptions = false
        var read = InnerPacket.read(
            bytes, payloadByteCount: judged.byteCount, nextHeader: IPHeader.nextHeader(ofFirst: bytes.byte(at: 0)),
            isTunnel: true, outer: (flow.remote, flow.local), into: &flow, hasOptions: &hasOptions)
        if read == .innerFragment { read = firstFragments.follow(bytes, &flow) }
        guard read == .pending else { return read ?? .malformedInner }
        guard relayed.allow(flow) else { return .tunnelCheckFailed }
        if let piece = InnerFragment(reading: bytes) { firstFragments.note(piece, flow, .ofReport) }
        let dvipa = served.find(flow.local)
        guard dvipa >= 0 else { return .notDVIPA }
        // It came under an SA, which the router's relay opened.
        if filter.isActive && !filter.reader.admits(flow, isUnderIPsec: true) { return .filtered }
        packet.start = start
        packet.byteCount = judged.byteCount
        follow(flow, dvipa: dvipa, from: .remote, at: start, byteCount: packet.byteCount, in: memory, now: now)
        return .deliveredInClear
    }

    /// Puts GRE around a packet of an SA that the relay does, instead of ESP.
    mutating func sendInClear(
        _ packet: inout Packet, byteCount: Int, _ flow: Flow, in memory: borrowing FrameMemory, now: UInt32
    ) -> Verdict {
        follow(
            flow, dvipa: served.find(flow.local), from: .local, at: packet.start, byteCount: packet.byteCount,
            in: memory,
            now: now)
        packet.byteCount = byteCount
        ClearTransfer.enclose(&packet, from: clearWay.source, to: clearWay.router, epoch: epoch, in: memory)
        return .sentInClear
    }
}

/// Where a target's packets in clear go.
struct ClearWay {
    let isThere: Bool
    let source: IPAddress
    let router: IPAddress

    init(_ configuration: HostConfiguration) {
        let nowhere = IPAddress(high: 0, low: 0)
        source = configuration.trustedAddress ?? nowhere
        router = configuration.firstRouter ?? nowhere
        isThere = configuration.hasClearWay
    }
}

extension HostConfiguration {
    fileprivate var firstRouter: IPAddress? {
        guard case .gre(let routers, _) = ingress else { return nil }
        return routers.first
    }

    /// Whether packets may go to a router in clear.
    var hasClearWay: Bool { trustedAddress != nil && firstRouter != nil }
}

/// A packet in clear between router and target; either header may be IPv6.
///
///     | IPv4 20, DF | GRE 8 (key: epoch) | IPv4 | TCP ... |
enum ClearTransfer {
    static func enclose(
        _ packet: inout Packet, from source: IPAddress, to destination: IPAddress, epoch: Epoch,
        in memory: borrowing FrameMemory
    ) {
        let type = IPHeader.etherType(ofFirst: memory.bytes(at: packet.start, count: 1).byte(at: 0))
        let overhead = source.isV4 ? TargetTable.overheadByteCount : TargetTemplates6.overheadByteCount
        packet.start -= overhead
        packet.byteCount += overhead
        if source.isV4 {
            IPv4Rewriting.write(
                at: packet.start, totalByteCount: packet.byteCount, trafficClass: 0, dontFragment: true,
                identification: 0, source: source, destination: destination, ipProtocol: IPProtocol.gre, in: memory)
        } else {
            IPv6Rewriting.write(
                at: packet.start, payloadByteCount: packet.byteCount - IPv6Header.byteCount, trafficClass: 0,
                source: source, destination: destination, nextHeader: IPProtocol.gre, in: memory)
        }
        var gre = memory.mutableBytes(
            at: packet.start + overhead - GREHeader.byteCount, count: GREHeader.byteCount)
        GREHeader(type: type, epoch: epoch).write(to: &gre, at: 0)
    }
}
