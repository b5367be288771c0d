internal import Associations
internal import Wire

/// A router's question whether a target is there for what comes through GRE: the way that every packet takes, with a number
/// inside that the target reports.
///
///     | Ethernet 14 | IPv4 20 | GRE 8 (key: epoch) | IPv4 20, protocol 59: no next header | number 8 |
///                                                  | source: the router, destination: a DVIPA
///
/// No host would deliver it: behind protocol 59 there is nothing. It is not authentic, and changes nothing but the number.
enum Probe {
    static let byteCount = IPv4Header.minimumByteCount + 8

    static func write(
        _ number: UInt64, at offset: Int, source: IPAddress, destination: IPAddress, in memory: borrowing FrameMemory
    ) {
        IPv4Rewriting.write(
            at: offset, totalByteCount: byteCount, trafficClass: 0, dontFragment: true, identification: 0,
            source: source, destination: destination, ipProtocol: IPProtocol.noNextHeader, in: memory)
        var payload = memory.mutableBytes(at: offset + IPv4Header.minimumByteCount, count: 8)
        payload.storeBigEndian(number, at: 0)
    }

    /// Number and destination of a probe at `offset`; nil when it is none.
    @inline(never)
    static func read(_ frame: RawSpan, at offset: Int) -> (number: UInt64, destination: IPAddress)? {
        guard frame.byteCount == offset + byteCount, let header = IPv4Header(reading: frame, at: offset),
            header.isPlain, header.totalByteCount == byteCount, header.ipProtocol == IPProtocol.noNextHeader,
            InternetChecksum.sum(frame, from: offset, count: IPv4Header.minimumByteCount) == 0xFFFF
        else { return nil }
        return (frame.bigEndian64(at: offset + IPv4Header.minimumByteCount), header.destination)
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
        let start = ip - TargetTable.templateByteCount
        Probe.write(
            number, at: ip, source: targets.source, destination: dvipas.first ?? targets.targets[place].trustedAddress,
            in: memory)
        var headers = memory.mutableBytes(at: start, count: TargetTable.templateByteCount)
        targets[place].writeHeaders(to: &headers, totalByteCount: TargetTable.overheadByteCount + Probe.byteCount)
        batch[index].start = start
        batch[index].byteCount = TargetTable.templateByteCount + Probe.byteCount
        batch[index].target = Int32(place)
        batch[index].verdict = .probed
    }
}
