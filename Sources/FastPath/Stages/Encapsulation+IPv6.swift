internal import Wire

/// GRE where IPv6 is outside, inside, or both.
///
///     before   | headroom ...        | Ethernet 14 | IPv4 or IPv6 | ESP ...
///     after         | Ethernet 14 | IPv6 40 | GRE 8 | IPv4 or IPv6 | ESP ...
extension Router {
    /// For a target with an IPv6 address.
    func encapsulate6(_ packet: inout Packet, in memory: borrowing FrameMemory) {
        let ipOffset = Int(packet.ipOffset)
        let total =
            Int(packet.espOffset) - ipOffset + Int(packet.espByteCount) + TargetTemplates6.overheadByteCount
        guard total <= trustedMTU else {
            packet.verdict = .oversized
            return
        }
        let start = packet.start + ipOffset - TargetTemplates6.byteCount
        targets.templates6.copy(Int(packet.target), to: start, totalByteCount: total, in: memory)
        packet.start = start
        packet.byteCount = EthernetHeader.byteCount + total
        packet.verdict = packet.hasOptions ? .steeredWithOptions : .steered
    }

    /// Names IPv6 in the GRE headers of a batch where it is inside: templates for IPv4 say IPv4, and the loop that writes
    /// them asks nothing.
    @inline(never)
    func nameIPv6(_ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let packet = Int(steeringWorks[index].packet)
            guard batch[packet].verdict.steers else { continue }
            let inner = batch[packet].start + TargetTable.templateByteCount
            guard memory.bytes(at: inner, count: 1).byte(at: 0) >> 4 == 6 else { continue }
            let type = inner - GREHeader.byteCount + GREHeader.Offset.type
            var bytes = memory.mutableBytes(at: type, count: 2)
            bytes.storeBigEndian(EtherType.ipv6.rawValue, at: 0)
        }
    }
}
