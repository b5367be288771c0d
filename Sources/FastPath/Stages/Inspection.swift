internal import Wire

/// A packet that passed the tunnel check, on its way to its target.
struct SteeringWork: BitwiseCopyable {
    var packet: Int32
    var dvipa: Int32
    /// Where the connection table is looked into first.
    var home: Int
    var key: ConnectionKey
}

/// Inner headers -> may this SA carry them (RFC 4301 §5.2), and are they for a DVIPA?
extension Router {
    /// Judges the works of a batch whose packets are still pending; returns how many go on to steering.
    @inline(__always)
    mutating func inspect(_ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory) -> Int {
        var steering = 0
        for index in 0..<count {
            let packet = Int(works[index].packet)
            guard batch[packet].verdict == .pending else { continue }
            let verdict = inspect(index, &batch, packet, in: memory)
            guard verdict == .pending else {
                batch[packet].verdict = verdict
                continue
            }
            let dvipa = ours.find(batch.flows[packet].local)
            guard dvipa >= 0 else {
                batch[packet].verdict = .notDVIPA
                continue
            }
            let key = ConnectionKey(batch.flows[packet], dvipa: dvipa)
            steeringWorks[steering] = SteeringWork(
                packet: Int32(truncatingIfNeeded: packet), dvipa: dvipa, home: connections.home(of: key), key: key)
            steering += 1
        }
        return steering
    }

    @inline(__always)
    private mutating func inspect(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, in memory: borrowing FrameMemory
    ) -> Verdict {
        let place = Int(works[index].association)
        let isTunnel = associations.records[place].isTunnel
        let ip = batch[packet].start &+ Int(batch[packet].ipOffset)
        // Classification has read this header: it is there.
        let addresses = memory.bytes(at: ip &+ IPv4Header.Offset.source, count: 8)
        let outer = (
            source: IPAddress(v4: addresses.bigEndian32(at: 0)),
            destination: IPAddress(v4: addresses.bigEndian32(at: 4))
        )
        var verdict = read(index, &batch, packet, isTunnel, outer)
        if verdict == nil {
            // Inner options push the ports out of the short head.
            ciphers.extend(&works, index, in: memory, into: heads)
            verdict = read(index, &batch, packet, isTunnel, outer)
        }
        guard verdict == .pending else { return verdict ?? .malformedInner }
        guard associations.selectors.allow(batch.flows[packet], head: associations.records[place].selectors) else {
            return .tunnelCheckFailed
        }
        return batch.flows[packet].ipProtocol == IPProtocol.tcp ? .pending : .unsupportedProtocol
    }

    @inline(__always)
    private func read(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, _ isTunnel: Bool,
        _ outer: (source: IPAddress, destination: IPAddress)
    ) -> Verdict? {
        let work = works[index]
        let payload = work.payloadByteCount
        let readable = min(Int(work.headByteCount), max(payload, 0))
        var hasOptions = false
        let verdict = InnerPacket.read(
            heads.plaintext(index, count: readable), payloadByteCount: payload, nextHeader: work.nextHeader,
            isTunnel: isTunnel, outer: outer, into: &batch.flows[packet], hasOptions: &hasOptions)
        if hasOptions { batch[packet].hasOptions = true }
        return verdict
    }
}
