internal import Associations
internal import Wire

/// Copies of ICMP errors about ESP packets of the cluster's: one for each target, of which the one that sent the packet
/// knows its number. Nobody has verified an error, so no more than so many a second are copied.
struct TooBigCopies: ~Copyable {
    static let errorsPerSecond = 100

    private var batch: PacketBatch
    private let targetCount: Int
    private var second: UInt32 = 0
    private var sent = 0
    private(set) var tallies: [String: UInt64] = [:]

    init(targetCount: Int) {
        self.targetCount = targetCount
        batch = PacketBatch(capacity: max(targetCount, 1))
    }

    /// - Parameters:
    ///   - source: what the router has decided on; its frames are still the batch's.
    ///   - now: seconds, on a clock that does not go back.
    mutating func send(
        of source: borrowing PacketBatch, _ router: borrowing Router, _ port: inout some FramePort & ~Copyable,
        now: UInt32
    ) {
        if now != second { (second, sent) = (now, 0) }
        for index in 0..<source.count where source[index].verdict == .tooBigHandedOn {
            guard sent < Self.errorsPerSecond else {
                tallies["omitted", default: 0] += 1
                continue
            }
            sent += 1
            for target in 0..<targetCount {
                guard port.lend(to: &batch) else {
                    tallies["noFrame", default: 0] += 1
                    continue
                }
                router.writeCopy(of: source[index], to: target, in: &batch, at: batch.count - 1, memory: port.memory)
            }
            port.transmit(&batch)
            for copy in 0..<batch.count { tallies[batch[copy].verdict.name, default: 0] += 1 }
            port.release(&batch)
        }
    }
}

extension Router {
    /// Makes a frame of the port's own a copy of a packet's datagram, in GRE, for a target, whatever its standing is; it then has
    /// the verdict `steered`. Otherwise: `noNeighbour`, `oversized`.
    func writeCopy(
        of packet: Packet, to target: Int, in batch: inout PacketBatch, at index: Int, memory: borrowing FrameMemory
    ) {
        guard targets.neighbour(target) != nil else {
            batch[index].verdict = .noNeighbour
            return
        }
        let source = packet.start + EthernetHeader.byteCount
        // It was read as a whole packet.
        let byteCount = IPPacket.byteCount(
            memory.bytes(at: source, count: packet.byteCount - EthernetHeader.byteCount))
        let overhead = targets.isIPv6 ? TargetTemplates6.overheadByteCount : TargetTable.overheadByteCount
        let ip = batch[index].start
        let frameEnd = (ip / memory.frameStride + 1) * memory.frameStride
        guard overhead + byteCount <= trustedMTU, ip + byteCount <= frameEnd else {
            batch[index].verdict = .oversized
            return
        }
        for offset in 0..<byteCount {
            let byte = memory.bytes(at: source + offset, count: 1).byte(at: 0)
            var room = memory.mutableBytes(at: ip + offset, count: 1)
            room.store(byte, at: 0)
        }
        let start = ip - EthernetHeader.byteCount - overhead
        if targets.isIPv6 {
            targets.templates6.copy(target, to: start, totalByteCount: overhead + byteCount, in: memory)
        } else {
            var headers = memory.mutableBytes(at: start, count: TargetTable.templateByteCount)
            targets[target].writeHeaders(to: &headers, totalByteCount: overhead + byteCount)
            let type = IPHeader.etherType(ofFirst: memory.bytes(at: ip, count: 1).byte(at: 0))
            headers.storeBigEndian(
                type.rawValue, at: TargetTable.templateByteCount - GREHeader.byteCount + GREHeader.Offset.type)
        }
        batch[index].start = start
        batch[index].byteCount = EthernetHeader.byteCount + overhead + byteCount
        batch[index].target = Int32(target)
        batch[index].verdict = .steered
    }
}
