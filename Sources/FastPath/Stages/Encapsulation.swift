internal import Wire

/// Ethernet, IPv4 and GRE into the headroom; the ESP datagram stays where and as it is.
///
///     before   | headroom ...        | Ethernet 14 | IPv4 | ESP ...
///     after         | Ethernet 14 | IPv4 20 | GRE 8 | IPv4 | ESP ...
extension Router {
    @inline(__always)
    mutating func encapsulate(
        _ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory, now: UInt32,
        _ proof: AuthenticationProof?
    ) {
        let packets = batch.packets.view
        let frames = memory.view
        let works = steeringWorks.view
        let targets = targets.entries.view
        let mtu = trustedMTU
        for index in 0..<count {
            let packet = Int(works[index].packet)
            guard packets[packet].verdict == .pending else { continue }
            // Copied once: after each store into the frame it would have to be read again.
            var target = targets[Int(packets[packet].target)]
            if !target.isPlain {
                let verdict = askTarget(index, &batch, packet, now: now, proof)
                guard verdict == .pending else {
                    packets[packet].verdict = verdict
                    continue
                }
                target = targets[Int(packets[packet].target)]
            }
            // Ethernet's own padding stays behind: the datagram ends where its header says.
            let ipOffset = Int(packets[packet].ipOffset)
            let total =
                Int(packets[packet].espOffset) &- ipOffset &+ Int(packets[packet].espByteCount)
                &+ TargetTable.overheadByteCount
            guard total <= mtu else {
                packets[packet].verdict = .oversized
                continue
            }
            let start = packets[packet].start &+ ipOffset &- TargetTable.templateByteCount
            var bytes = frames.mutableBytes(at: start, count: TargetTable.templateByteCount)
            target.writeHeaders(to: &bytes, totalByteCount: total)
            packets[packet].start = start
            packets[packet].byteCount = EthernetHeader.byteCount &+ total
            packets[packet].verdict = packets[packet].hasOptions ? .steeredWithOptions : .steered
        }
    }
}
