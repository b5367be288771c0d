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
    mutating func inspect(
        _ batch: inout PacketBatch, count: Int, in memory: borrowing FrameMemory, _ proof: AuthenticationProof?
    ) -> Int {
        let packets = batch.packets.view
        let works = works.view
        let heads = heads.memory.view
        let records = associations.records.view
        let selectors = associations.selectors.reader
        var ours = ours.reader
        let connections = connections.reader
        let steeringWorks = steeringWorks.view
        var steering = 0
        for index in 0..<count {
            let packet = Int(works[index].packet)
            guard packets[packet].verdict == .pending else { continue }
            let place = Int(works[index].association)
            let plaintext = heads.bytes(
                at: index &* PeekedHeads.stride &+ PeekedHeads.plaintextOffset, count: PeekedHeads.shortByteCount)
            let payload = works[index].payloadByteCount
            // The quick way keeps all in registers; written to memory field by field and loaded again as a whole, a flow
            // would wait for the stores. What is kept of it is the connection's key.
            guard records[place].isTunnel, works[index].nextHeader == IPProtocol.ipv4,
                let flow = InnerPacket.readPlainTCP(plaintext, payloadByteCount: payload)
            else {
                if let work = inspectUDP(index) ?? inspectAny(index, &batch, packet, in: memory, proof) {
                    steeringWorks[steering] = work
                    steering &+= 1
                }
                continue
            }
            guard selectors.allowIPv4(flow, head: records[place].selectors) else {
                packets[packet].verdict = .tunnelCheckFailed
                continue
            }
            let dvipa = ours.find(v4: flow.local)
            guard dvipa >= 0 else {
                packets[packet].verdict = .notDVIPA
                continue
            }
            let key = ConnectionKey(flow, dvipa: dvipa)
            steeringWorks[steering] = SteeringWork(
                packet: Int32(truncatingIfNeeded: packet), dvipa: dvipa, home: connections.home(of: key), key: key,
                tcpFlags: flow.tcpFlags)
            steering &+= 1
        }
        steeringCount = steering
        return steering
    }

    /// The connection of a packet of the batch that was processed last; nil when it did not come as far as steering.
    public func flow(ofPacket packet: Int) -> Flow? {
        for index in 0..<steeringCount where Int(steeringWorks[index].packet) == packet {
            return flow(of: steeringWorks[index])
        }
        return nil
    }

    /// Plain UDP over IPv4 in a tunnel; nil for what is not plainly that and right, which the whole judgement names.
    @inline(never)
    private func inspectUDP(_ index: Int) -> SteeringWork? {
        let record = associations.records[Int(works[index].association)]
        let plaintext = heads.plaintext(index, count: PeekedHeads.shortByteCount)
        guard record.isTunnel, works[index].nextHeader == IPProtocol.ipv4,
            let flow = InnerPacket.readPlainUDP(plaintext, payloadByteCount: works[index].payloadByteCount),
            associations.selectors.reader.allowIPv4(flow, head: record.selectors)
        else { return nil }
        let dvipa = ours.find(IPAddress(v4: flow.local))
        guard dvipa >= 0 else { return nil }
        let key = ConnectionKey(flow, dvipa: dvipa)
        return SteeringWork(
            packet: works[index].packet, dvipa: dvipa, home: connections.home(of: key), key: key, tcpFlags: 0)
    }

    /// The whole judgement, for all that is not plain TCP over IPv4 in a tunnel; nil when the packet's verdict ends its way.
    @inline(never)
    private mutating func inspectAny(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, in memory: borrowing FrameMemory,
        _ proof: AuthenticationProof?
    ) -> SteeringWork? {
        let record = associations.records[Int(works[index].association)]
        let ip = batch[packet].start + Int(batch[packet].ipOffset)
        // Classification has read this header: it is there.
        let outer = IPHeader.addresses(at: ip, in: memory)
        var hasOptions = false
        var flow = Flow.none
        var verdict = read(index, record.isTunnel, outer, into: &flow, hasOptions: &hasOptions)
        if verdict == nil {
            // Inner options, and every IPv6 header, push the ports out of the short head.
            ciphers.extend(&works, index, in: memory, into: heads)
            verdict = read(index, record.isTunnel, outer, into: &flow, hasOptions: &hasOptions)
        }
        if verdict == .innerFragment && record.isTunnel {
            verdict = firstFragments.follow(heads.plaintext(index, count: readableCount(index)), &flow)
        }
        if hasOptions { batch[packet].hasOptions = true }
        func refuse(_ verdict: Verdict) -> SteeringWork? {
            batch[packet].verdict = verdict
            return nil
        }
        guard verdict == .pending else { return refuse(verdict ?? .extensionHeadersTooLong) }
        guard associations.selectors.allow(flow, head: record.selectors) else { return refuse(.tunnelCheckFailed) }
        if record.isTunnel, let proof {
            let fragment = InnerFragment(reading: heads.plaintext(index, count: readableCount(index)))
            if let fragment { firstFragments.note(fragment, flow, proof) }
        }
        let dvipa = ours.find(flow.local)
        guard dvipa >= 0 else { return refuse(.notDVIPA) }
        if InnerICMP.isBorne(by: flow) {
            return inspectICMP(index, &batch, packet, flow, isTunnel: record.isTunnel, dvipa: dvipa, in: memory)
        }
        let key = ConnectionKey(flow, dvipa: dvipa)
        return SteeringWork(
            packet: Int32(packet), dvipa: dvipa, home: connections.home(of: key), key: key, tcpFlags: flow.tcpFlags)
    }

    private func read(
        _ index: Int, _ isTunnel: Bool, _ outer: (source: IPAddress, destination: IPAddress), into flow: inout Flow,
        hasOptions: inout Bool
    ) -> Verdict? {
        let work = works[index]
        return InnerPacket.read(
            heads.plaintext(index, count: readableCount(index)), payloadByteCount: work.payloadByteCount,
            nextHeader: work.nextHeader,
            isTunnel: isTunnel, outer: outer, into: &flow, hasOptions: &hasOptions)
    }

    /// Bytes that are decrypted of the payload, without padding and trailer.
    private func readableCount(_ index: Int) -> Int {
        min(Int(works[index].headByteCount), max(works[index].payloadByteCount, 0))
    }
}
