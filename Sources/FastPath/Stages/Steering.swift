internal import Associations

/// Connection -> target. A connection keeps its target; for the first SYN of a new one, and the first packet of a flow that is
/// not TCP, the service's method chooses.
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
                if let proof, table.refresh(at: at, now: now, tcpFlags: works[index].tcpFlags, proof) {
                    confirm(at, works[index].tcpFlags, now: now, proof)
                }
            } else {
                let verdict = choose(index, &batch, packet, now: now, proof)
                if verdict != .pending { packets[packet].verdict = verdict }
            }
        }
    }

    /// The next packet of a connection that only began; a SYN sent again says nothing new.
    @inline(never)
    private mutating func confirm(_ at: Int, _ tcpFlags: UInt8, now: UInt32, _ proof: AuthenticationProof) {
        if tcpFlags & TCPHeader.Flag.syn == 0 { connections.confirm(at: at, now: now, proof) }
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
        if work.key.isMarked || work.key.ipProtocol == IPProtocol.icmp || work.key.ipProtocol == IPProtocol.icmpv6 {
            return chooseForICMP(work, &batch, packet, proof)
        }
        let service = services.find(dvipa: work.dvipa, ipProtocol: work.key.ipProtocol, port: work.key.localPort)
        guard service >= 0 else { return .noService }
        // Without a SYN a TCP connection is older than our table: round robin would tear it from its target for sure, the
        // agreed choice finds it when this router or another made it so before. Of other flows nobody can tell.
        let isTCP = work.key.ipProtocol == IPProtocol.tcp
        let isSYN = work.tcpFlags & (TCPHeader.Flag.syn | TCPHeader.Flag.ack) == TCPHeader.Flag.syn
        let association = Int(batch[packet].association)
        var begins = proof != nil && (isSYN || !isTCP)
        if begins && former < 0 && !connections.admitsHalfOpen(association: association, now: now) {
            guard !isTCP else { return .tooManyHalfOpen }
            // A flow of one packet and its answer, as DNS has them, is no attack: it goes where all routers would send it.
            begins = false
        }
        let target =
            if begins, let proof {
                services.begin(
                    work.key, service, usable: targets, connections: connections, now: now, proof)
            } else {
                services.agreeOn(work.key, service, usable: targets)
            }
        guard target >= 0 else { return .noTarget }
        batch[packet].target = Int32(target)
        guard let proof, begins || isTCP || former >= 0 else { return .pending }
        let closing = work.tcpFlags & (TCPHeader.Flag.fin | TCPHeader.Flag.rst) != 0
        if former >= 0 {
            connections.reassign(at: former, to: target, now: now, closing: closing, proof)
            return .pending
        }
        let inserted = connections.insert(
            work.key, home: work.home, target: target, now: now, closing: closing,
            beginsUnder: begins ? association : nil, proof)
        return inserted ? .pending : .connectionTableFull
    }
}
