internal import Associations
internal import Wire

/// A router's question whether a target is there for what comes through GRE: the way that every packet takes, with a number
/// inside that the target reports.
///
///     | Ethernet 14 | IPv4 20 | GRE 8 (key: epoch) | IPv4 20, protocol 59: no next header | number 8 |
///                                                  | source: the router, destination: a DVIPA
///
/// Each of the two headers may be IPv6 (40 bytes), after the family of the trusted link and of the DVIPA; where these differ
/// the source inside is the DVIPA, too. No host would deliver it: behind protocol 59 there is nothing. It is not authentic,
/// and changes nothing but the number.
enum Probe {
    static let numberByteCount = 8

    static func byteCount(to destination: IPAddress) -> Int {
        (destination.isV4 ? IPv4Header.minimumByteCount : IPv6Header.byteCount) + numberByteCount
    }

    static func write(
        _ number: UInt64, at offset: Int, source: IPAddress, destination: IPAddress, in memory: borrowing FrameMemory
    ) {
        let total = byteCount(to: destination)
        let source = source.isV4 == destination.isV4 ? source : destination
        if destination.isV4 {
            IPv4Rewriting.write(
                at: offset, totalByteCount: total, trafficClass: 0, dontFragment: true, identification: 0,
                source: source, destination: destination, ipProtocol: IPProtocol.noNextHeader, in: memory)
        } else {
            IPv6Rewriting.write(
                at: offset, payloadByteCount: numberByteCount, trafficClass: 0, source: source,
                destination: destination, nextHeader: IPProtocol.noNextHeader, in: memory)
        }
        var payload = memory.mutableBytes(at: offset + total - numberByteCount, count: numberByteCount)
        payload.storeBigEndian(number, at: 0)
    }

    /// Number and destination of a probe at `offset`; nil when it is none.
    @inline(never)
    static func read(_ frame: RawSpan, at offset: Int) -> (number: UInt64, destination: IPAddress)? {
        let at = frame.byteCount - numberByteCount
        if let header = IPv6Header(reading: frame, at: offset), header.version == 6 {
            guard at == offset + IPv6Header.byteCount, header.payloadByteCount == numberByteCount,
                header.nextHeader == IPProtocol.noNextHeader, !header.hasMappedAddress
            else { return nil }
            return (frame.bigEndian64(at: at), header.destination)
        }
        guard let header = IPv4Header(reading: frame, at: offset), at == offset + IPv4Header.minimumByteCount,
            header.isPlain, header.totalByteCount == IPv4Header.minimumByteCount + numberByteCount,
            header.ipProtocol == IPProtocol.noNextHeader,
            InternetChecksum.sum(frame, from: offset, count: IPv4Header.minimumByteCount) == 0xFFFF
        else { return nil }
        return (frame.bigEndian64(at: at), header.destination)
    }
}

extension Router {
    /// Makes a frame of the port's own a probe for a target, whatever its standing is; it then has the verdict `probed`.
    /// Where the target is not known or has no known link-layer address the verdict says so: `noTarget`, `noNeighbour`.
    public func writeProbe(
        _ number: UInt64, to target: String, in batch: inout PacketBatch, at index: Int,
        memory: borrowing FrameMemory
    ) {
        guard let place = targets.index(of: target) else {
            batch[index].verdict = .noTarget
            return
        }
        guard targets.neighbour(place) != nil else {
            batch[index].verdict = .noNeighbour
            return
        }
        let ip = batch[index].start
        let destination = dvipas.first ?? targets.targets[place].trustedAddress
        Probe.write(number, at: ip, source: targets.source, destination: destination, in: memory)
        targets.enclose(&batch[index], place, byteCount: Probe.byteCount(to: destination), in: memory)
        batch[index].target = Int32(place)
        batch[index].verdict = .probed
    }
}

extension TargetTable {
    /// Puts Ethernet and GRE around the IP packet at `packet.start`, of this many bytes: for packets of the router's own.
    func enclose(_ packet: inout Packet, _ index: Int, byteCount: Int, in memory: borrowing FrameMemory) {
        let type = IPHeader.etherType(ofFirst: memory.bytes(at: packet.start, count: 1).byte(at: 0))
        let headers = isIPv6 ? TargetTemplates6.byteCount : Self.templateByteCount
        packet.start -= headers
        packet.byteCount = headers + byteCount
        guard !isIPv6 else {
            return templates6.copy(
                index, to: packet.start, totalByteCount: packet.byteCount - EthernetHeader.byteCount, in: memory)
        }
        var bytes = memory.mutableBytes(at: packet.start, count: headers)
        self[index].writeHeaders(to: &bytes, totalByteCount: packet.byteCount - EthernetHeader.byteCount)
        bytes.storeBigEndian(type.rawValue, at: headers - GREHeader.byteCount + GREHeader.Offset.type)
    }
}
