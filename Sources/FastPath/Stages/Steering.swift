internal import Associations

/// Connection -> target. A connection keeps its target; the first SYN of a new one takes the service's next turn.
extension Router {
    /// - Parameter proof: nil when targets verify. Then nothing is written: a connection nobody reported goes where every
    ///   router would send it.
    @inline(__always)
    mutating func steer(_ batch: inout PacketBatch, count: Int, now: UInt32, _ proof: AuthenticationProof?) {
        let packets = batch.packets.view
        let works = steeringWorks.view
        let table = connections.reader
        for index in 0..<count {
            let packet = Int(works[index].packet)
            let at = table.find(works[index].key, home: works[index].home)
            if at >= 0 {
                packets[packet].target = Int32(truncatingIfNeeded: table.target(at: at))
                if let proof { table.refresh(at: at, now: now, tcpFlags: works[index].tcpFlags, proof) }
            } else {
                let verdict = choose(index, &batch, packet, now: now, proof)
                if verdict != .pending { packets[packet].verdict = verdict }
            }
        }
    }

    /// For a packet whose target is not plainly there for its connections: whether it may be sent there, or to another one
    /// when the connection's own was lost.
    @inline(never)
    mutating func askTarget(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, now: UInt32, _ proof: AuthenticationProof?
    ) -> Verdict {
        let at = connections.find(steeringWorks[index].key, home: steeringWorks[index].home)
        if at >= 0, connections.isFormer(at: at) {
            let verdict = choose(index, &batch, packet, now: now, proof, inPlaceOf: at)
            guard verdict == .pending else { return verdict }
        }
        return targets.refusal(Int(batch[packet].target))
    }

    /// A target for a connection that has none, or whose entry is of a target that was lost.
    @inline(never)
    private mutating func choose(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, now: UInt32, _ proof: AuthenticationProof?,
        inPlaceOf former: Int = -1
    ) -> Verdict {
        let work = steeringWorks[index]
        let service = services.find(dvipa: work.dvipa, ipProtocol: work.key.ipProtocol, port: work.key.localPort)
        guard service >= 0 else { return .noService }
        // Without a SYN the connection is older than our table: round robin would tear it from its target for sure, the
        // agreed choice finds it when this router or another made it so before.
        let isFirst = work.tcpFlags & (TCPHeader.Flag.syn | TCPHeader.Flag.ack) == TCPHeader.Flag.syn
        let target =
            isFirst && proof != nil
            ? services.takeTurn(service, usable: targets) : services.agreeOn(work.key, service, usable: targets)
        guard target >= 0 else { return .noTarget }
        batch[packet].target = Int32(target)
        guard let proof else { return .pending }
        let closing = work.tcpFlags & (TCPHeader.Flag.fin | TCPHeader.Flag.rst) != 0
        if former >= 0 {
            connections.reassign(at: former, to: target, now: now, closing: closing, proof)
            return .pending
        }
        let inserted = connections.insert(
            work.key, home: work.home, target: target, now: now, closing: closing, proof)
        return inserted ? .pending : .connectionTableFull
    }
}
