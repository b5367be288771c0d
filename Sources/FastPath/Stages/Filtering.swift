internal import Wire

/// A packet that may go on to steering -> does the filter let it? A stage of its own, so that a router without a filter pays
/// for it once a batch.
extension Router {
    /// Asks the rules about the works of a batch that `inspect` left, and keeps those that they admit; returns how many.
    @inline(never)
    mutating func sift(_ batch: inout PacketBatch, count: Int) -> Int {
        let works = steeringWorks.view
        let filter = filter.reader
        var kept = 0
        for index in 0..<count {
            guard filter.admits(flow(of: works[index]), isUnderIPsec: true) else {
                batch[Int(works[index].packet)].verdict = .filtered
                continue
            }
            if kept != index { works[kept] = works[index] }
            kept += 1
        }
        steeringCount = kept
        return kept
    }

    func flow(of work: SteeringWork) -> Flow {
        if work.key.isQuoted {
            let local = dvipas[Int(work.dvipa)]
            return Flow(
                remote: errorSenders[Int(work.packet)], local: local, remotePort: 0, localPort: 0,
                ipProtocol: local.isV4 ? IPProtocol.icmp : IPProtocol.icmpv6)
        }
        return Flow(
            remote: IPAddress(high: work.key.remoteHigh, low: work.key.remoteLow), local: dvipas[Int(work.dvipa)],
            remotePort: work.key.remotePort, localPort: work.key.localPort, ipProtocol: work.key.ipProtocol,
            tcpFlags: work.tcpFlags)
    }
}
