internal import Wire

/// Ethernet, IPv4 and GRE into the headroom; the ESP datagram stays where and as it is.
///
///     before   | headroom ...        | Ethernet 14 | IPv4 | ESP ...
///     after         | Ethernet 14 | IPv4 20 | GRE 8 | IPv4 | ESP ...
extension Router {
    @inline(__always)
    mutating func encapsulate(_ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let packet = Int(steeringWorks[index].packet)
            guard batch[packet].verdict == .pending else { continue }
            batch[packet].verdict = encapsulate(&batch[packet], in: memory)
        }
    }

    @inline(__always)
    private mutating func encapsulate(_ packet: inout Packet, in memory: borrowing FrameMemory) -> Verdict {
        let target = Int(packet.target)
        guard targets.isUsable(target) else { return .noNeighbour }
        // Ethernet's own padding stays behind: the datagram ends where its header says.
        let datagram = Int(packet.espOffset) &- Int(packet.ipOffset) &+ Int(packet.espByteCount)
        let total = datagram + TargetTable.overheadByteCount
        guard total <= trustedMTU else { return .oversized }
        let start = packet.start &+ Int(packet.ipOffset) &- TargetTable.templateByteCount
        var bytes = memory.mutableBytes(at: start, count: TargetTable.templateByteCount)
        bytes.storeBytes(of: targets[target].words.0, toByteOffset: 0, as: UInt64.self)
        bytes.storeBytes(of: targets[target].words.1, toByteOffset: 8, as: UInt64.self)
        bytes.storeBytes(of: targets[target].words.2, toByteOffset: 16, as: UInt64.self)
        bytes.storeBytes(of: targets[target].words.3, toByteOffset: 24, as: UInt64.self)
        bytes.storeBytes(of: targets[target].words.4, toByteOffset: 32, as: UInt64.self)
        bytes.storeBytes(of: targets[target].lastBytes, toByteOffset: 40, as: UInt16.self)
        let length = UInt16(truncatingIfNeeded: total)
        let ip = EthernetHeader.byteCount
        bytes.storeBigEndian(length, at: ip + IPv4Header.Offset.totalLength)
        let checksum = ~InternetChecksum.fold(UInt64(targets[target].checksumBase) &+ UInt64(length))
        bytes.storeBigEndian(checksum, at: ip + IPv4Header.Offset.checksum)
        packet.start = start
        packet.byteCount = EthernetHeader.byteCount + total
        return packet.hasOptions ? .steeredWithOptions : .steered
    }
}
