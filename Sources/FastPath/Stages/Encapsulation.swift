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
        // No call in the loop that nearly every packet takes: what lives across one cannot stay in registers.
        let left = encapsulatePlain(&batch, count: count, in: memory)
        if left > 0 { encapsulateOthers(&batch, count: count, in: memory, now: now, proof) }
        if batch.hasIPv6 && !targets.isIPv6 { nameIPv6(&batch, count: count, in: memory) }
    }

    /// Those whose target is plainly there; returns how many others there are.
    @inline(__always)
    private func encapsulatePlain(_ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory) -> Int {
        let packets = batch.packets.view
        let frames = memory.view
        let works = steeringWorks.view
        let targets = targets.entries.view
        let mtu = trustedMTU
        var left = 0
        for index in 0..<count {
            let packet = Int(works[index].packet)
            guard packets[packet].verdict == .pending else { continue }
            // Copied once: after each store into the frame it would have to be read again.
            let target = targets[Int(packets[packet].target)]
            guard target.isPlain else {
                left &+= 1
                continue
            }
            Self.encapsulate(&packets[packet], for: target, mtu: mtu, in: frames)
        }
        return left
    }

    /// Those whose target has to be asked for first.
    @inline(never)
    private mutating func encapsulateOthers(
        _ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory, now: UInt32,
        _ proof: AuthenticationProof?
    ) {
        for index in 0..<count {
            let packet = Int(steeringWorks[index].packet)
            guard batch[packet].verdict == .pending else { continue }
            if targets[Int(batch[packet].target)].isPlain6 {
                encapsulate6(&batch[packet], in: memory)
                continue
            }
            let verdict = askTarget(index, &batch, packet, now: now, proof)
            guard verdict == .pending else {
                batch[packet].verdict = verdict
                continue
            }
            let record = associations.records[Int(batch[packet].association)]
            if targets.relays(Int(batch[packet].target), transform: record.transform, hasESN: record.suite.hasESN) {
                batch[packet].verdict = .relayed
                countRelayed()
                continue
            }
            if targets.isIPv6 {
                encapsulate6(&batch[packet], in: memory)
                continue
            }
            Self.encapsulate(
                &batch[packet], for: targets[Int(batch[packet].target)], mtu: trustedMTU, in: memory.view)
        }
    }

    @inline(__always)
    private static func encapsulate(
        _ packet: inout Packet, for target: TargetTable.Entry, mtu: Int, in frames: FrameView
    ) {
        // Ethernet's own padding stays behind: the datagram ends where its header says.
        let ipOffset = Int(packet.ipOffset)
        let total =
            Int(packet.espOffset) &- ipOffset &+ Int(packet.espByteCount) &+ TargetTable.overheadByteCount
        guard total <= mtu else {
            packet.verdict = .oversized
            return
        }
        let start = packet.start &+ ipOffset &- TargetTable.templateByteCount
        var bytes = frames.mutableBytes(at: start, count: TargetTable.templateByteCount)
        target.writeHeaders(to: &bytes, totalByteCount: total)
        packet.start = start
        packet.byteCount = EthernetHeader.byteCount &+ total
        packet.verdict = packet.hasOptions ? .steeredWithOptions : .steered
    }
}
