internal import Wire

/// A packet that passed the tunnel check, on its way to its target.
struct SteeringWork: BitwiseCopyable {
    var packet: Int32
    var dvipa: Int32
    /// Where the connection table is looked into first.
    var home: Int
    var key: ConnectionKey
    var tcpFlags: UInt8
}

/// Inner headers -> may this SA carry them (RFC 4301 §5.2), and are they for a DVIPA?
extension Router {
    /// Judges the works of a batch whose packets are still pending; returns how many go on to steering.
    @inline(__always)
    mutating func inspect(_ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory) -> Int {
        let packets = batch.packets.view
        let flows = batch.flows.view
        let works = works.view
        let heads = heads.memory.view
        let records = associations.records.view
        let selectors = associations.selectors.reader
        let ours = ours.reader
        let connections = connections.reader
        let steeringWorks = steeringWorks.view
        var steering = 0
        for index in 0..<count {
            let packet = Int(works[index].packet)
            guard packets[packet].verdict == .pending else { continue }
            let place = Int(works[index].association)
            let plaintext = heads.bytes(
                at: index &* PeekedHeads.stride &+ PeekedHeads.plaintextOffset, count: PeekedHeads.shortByteCount)
            // The flow stays in registers until all is read: written to memory field by field and loaded whole at once, it
            // would wait for the stores. A head is 48 bytes and more, of which those behind the payload are no plaintext;
            // a packet whose lengths are right does not reach them.
            let payload = works[index].payloadByteCount
            let plain =
                records[place].isTunnel
                ? InnerPacket.readPlainTCP(plaintext, payloadByteCount: payload, nextHeader: works[index].nextHeader)
                : nil
            var flow = Flow.none
            if let plain {
                flow = plain
            } else {
                let verdict = inspectAny(index, &batch, packet, in: memory, into: &flow)
                guard verdict == .pending else {
                    packets[packet].verdict = verdict
                    continue
                }
            }
            guard selectors.allow(flow, head: records[place].selectors) else {
                packets[packet].verdict = .tunnelCheckFailed
                continue
            }
            guard flow.ipProtocol == IPProtocol.tcp else {
                packets[packet].verdict = .unsupportedProtocol
                continue
            }
            let dvipa = ours.find(flow.local)
            guard dvipa >= 0 else {
                packets[packet].verdict = .notDVIPA
                continue
            }
            let key = ConnectionKey(flow, dvipa: dvipa)
            steeringWorks[steering] = SteeringWork(
                packet: Int32(truncatingIfNeeded: packet), dvipa: dvipa, home: connections.home(of: key), key: key,
                tcpFlags: flow.tcpFlags)
            flows[packet] = flow
            steering &+= 1
        }
        return steering
    }

    /// For all that is not plain TCP in a tunnel.
    @inline(never)
    private mutating func inspectAny(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, in memory: borrowing FrameMemory, into flow: inout Flow
    ) -> Verdict {
        let isTunnel = associations.records[Int(works[index].association)].isTunnel
        let ip = batch[packet].start + Int(batch[packet].ipOffset)
        // Classification has read this header: it is there.
        let addresses = memory.bytes(at: ip + IPv4Header.Offset.source, count: 8)
        let outer = (
            source: IPAddress(v4: addresses.bigEndian32(at: 0)),
            destination: IPAddress(v4: addresses.bigEndian32(at: 4))
        )
        var hasOptions = false
        var verdict = read(index, isTunnel, outer, into: &flow, hasOptions: &hasOptions)
        if verdict == nil {
            // Inner options push the ports out of the short head.
            ciphers.extend(&works, index, in: memory, into: heads)
            verdict = read(index, isTunnel, outer, into: &flow, hasOptions: &hasOptions)
        }
        if hasOptions { batch[packet].hasOptions = true }
        return verdict ?? .malformedInner
    }

    private func read(
        _ index: Int, _ isTunnel: Bool, _ outer: (source: IPAddress, destination: IPAddress), into flow: inout Flow,
        hasOptions: inout Bool
    ) -> Verdict? {
        let work = works[index]
        let payload = work.payloadByteCount
        let readable = min(Int(work.headByteCount), max(payload, 0))
        return InnerPacket.read(
            heads.plaintext(index, count: readable), payloadByteCount: payload, nextHeader: work.nextHeader,
            isTunnel: isTunnel, outer: outer, into: &flow, hasOptions: &hasOptions)
    }
}
