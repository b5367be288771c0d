internal import Associations
internal import Wire

/// What fits on the way to a peer: the link's MTU, or less where a router on the way said so (docs/mtu.md).
extension Host {
    /// Seconds after which more is tried again (RFC 1191 §6.3).
    static let pathMTULifetimeSeconds: UInt32 = 600

    /// Bytes of the longest outer packet under an SA.
    func pathMTU(_ record: OutboundAssociation, now: UInt32) -> Int {
        guard record.pathMTU > 0, now &- record.pathMTULearned <= Self.pathMTULifetimeSeconds else { return pathMTU }
        return min(Int(record.pathMTU), pathMTU)
    }

    /// An outbound packet whose ESP packet would be of `outerByteCount`: whether it fits, or may be cut on the way. If not, the
    /// packet becomes the answer to its sender, or is dropped as `oversized` where there may be none.
    mutating func refuse(
        _ packet: inout Packet, _ header: OutgoingHeader, _ record: OutboundAssociation,
        in memory: borrowing FrameMemory,
        now: UInt32
    ) -> Bool {
        let room = record.room
        let limit = pathMTU(record, now: now)
        guard header.dontFragment,
            room.outerByteCount(forInner: header.totalByteCount, headerByteCount: header.splitByteCount) > limit
        else { return false }
        guard TooBig.mayAnswer(memory.bytes(at: packet.start, count: packet.byteCount)) else {
            packet.verdict = .oversized
            return true
        }
        TooBig.answer(&packet, mtu: room.largestInner(in: limit), in: memory)
        packet.verdict = .tooBig
        return true
    }

    /// Clamps a SYN that goes either way to what fits ESP in both: the way out, and the way in with GRE around it.
    func clampSegmentSize(
        at start: Int, byteCount: Int, _ room: PacketRoom, in memory: borrowing FrameMemory
    ) {
        let inner = min(room.largestInner(in: pathMTU - greByteCount), innerMTU)
        SegmentSize.clamp(at: start, byteCount: byteCount, inPacketOf: inner, in: memory)
    }

    /// What GRE takes of the way to here; 0 where there is none.
    private var greByteCount: Int {
        switch ingress {
        case .gre(let routers, _): PacketRoom.gre(isV6: routers.contains { !$0.isV4 })
        case .kernel: PacketRoom.gre(isV6: false)
        case .direct: 0
        }
    }

    /// An ICMP error to an address of ours about an ESP packet: believed when this host sent that packet a moment ago, under
    /// an SA between those addresses. nil for a packet that is no such error.
    ///
    /// It is not authentic: who sees our packets can make us believe in a path of 576 bytes (of 1280 over IPv6) for ten
    /// minutes, and in no less (RFC 4301 §8.2.1).
    @inline(never)
    mutating func heed(_ frame: RawSpan, at offset: Int, now: UInt32) -> Verdict? {
        guard let report = TooBig.read(frame, at: offset), ours.find(report.recipient) != AddressTable.absent else {
            return nil
        }
        guard sentNumbers.knows(report.spi, report.sequenceNumberLow, now: now),
            let place = outbound.place(of: SPI(rawValue: report.spi))
        else { return .tooBigIgnored }
        let record = outbound.records[place]
        guard record.source == report.source, record.destination == report.destination,
            record.localPort == report.sourcePort, record.remotePort == report.destinationPort,
            report.mtu > 0, report.mtu < pathMTU(record, now: now)
        else { return .tooBigIgnored }
        outbound.records[place].pathMTU = UInt16(
            max(report.mtu, record.destination.isV4 ? TooBig.leastMTU : TooBig.leastMTU6))
        outbound.records[place].pathMTULearned = now
        return .tooBigHeeded
    }
}

extension OutboundAssociation {
    /// What its packets take of a link.
    var room: PacketRoom {
        PacketRoom(suite, isTunnel: isTunnel, isInUDP: isInUDP, isOuterV6: !destination.isV4)
    }
}
