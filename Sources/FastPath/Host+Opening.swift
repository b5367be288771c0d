internal import Associations
internal import Wire

extension Host {
    /// Opens a batch of what the peers (or the routers, in GRE) sent. Packets that come out `delivered` lie at their
    /// `start` as the IP packets that the host's own stack is to get; all others have the verdict that says why not.
    ///
    /// - Parameter now: Nanoseconds of CLOCK_MONOTONIC; ages connections.
    public mutating func open(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt64) {
        let seconds = Self.seconds(now)
        firstFragments.now = seconds
        receive(&batch, in: memory, now: seconds)
        inbound.find(&batch)
        var admitted = inbound.admit(&batch, to: &works)
        var proof = inboundCiphers.open(&works, admitted, in: memory)
        inbound.commit(works, admitted, &batch, proof)
        watchPeers(admitted, batch, in: memory, now: seconds, proof)
        while inbound.restart > 0 {
            admitted = inbound.admit(&batch, from: inbound.restart, to: &works, behind: admitted.count)
            proof = inboundCiphers.open(&works, admitted, in: memory)
            inbound.commit(works, admitted, &batch, proof)
            watchPeers(admitted, batch, in: memory, now: seconds, proof)
        }
        let packets = batch.packets.view
        let frames = memory.view
        var served = served.reader
        for index in 0..<admitted.count {
            let packet = Int(works[index].packet)
            guard packets[packet].verdict == .pending,
                !deliverPlain(index, packets, in: frames, now: seconds, &served)
            else { continue }
            batch[packet].verdict = deliver(works[index], &batch, packet, in: memory, now: seconds, proof)
        }
        connections.age(TrackedConnections.walkCount, now: seconds)
    }

    /// Whose packets these are.
    private mutating func receive(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt32) {
        let packets = batch.packets.view
        let frames = memory.view
        var ours = ours.reader
        var router: UInt32 = 0
        // Taken out once for the batch.
        var routers: [IPAddress] = []
        if case .gre(let known, _) = ingress { routers = known }
        for index in 0..<batch.count {
            if !routers.isEmpty, receivePlain(&packets[index], from: routers, last: &router, in: frames, &ours) {
                continue
            }
            let frame = memory.bytes(at: packets[index].start, count: packets[index].byteCount)
            batch[index].verdict = receive(frame, &batch[index], in: memory, now: now)
        }
    }

    private mutating func receive(
        _ frame: RawSpan, _ packet: inout Packet, in memory: borrowing FrameMemory, now: UInt32
    ) -> Verdict {
        guard case .gre(let routers, _) = ingress else {
            if case .kernel = ingress { return receiveProbe(frame) }
            return ESPDatagram.readEither(frame, at: 0, ours: ours.reader, into: &packet)
        }
        var inner = 0
        let read = TrustedGRE.read(frame, from: routers, orElse: .notFromRouter, epoch: epoch, inner: &inner)
        guard read == .pending else { return read }
        let verdict = ESPDatagram.readEither(frame, at: inner, ours: ours.reader, into: &packet)
        guard verdict == .passed else { return verdict }
        guard let probe = Probe.read(frame, at: inner), served.find(probe.destination) >= 0 else {
            if let verdict = heed(frame, at: inner, now: now) { return verdict }
            guard relayed.count == 0 else { return receiveInClear(at: inner, &packet, in: memory, now: now) }
            return filter.isActive && !admitsClear(frame, at: inner) ? .filtered : .passed
        }
        lastProbe = probe.number
        return .probed
    }

    @inline(never)
    private mutating func receiveProbe(_ frame: RawSpan) -> Verdict {
        guard let probe = Probe.read(frame, at: 0), served.find(probe.destination) >= 0 else { return .passed }
        lastProbe = probe.number
        return .probed
    }

    /// Whether the filter lets a packet be that came without IPsec: `require-ipsec` does not. What is for no DVIPA, or
    /// cannot be read, is none of its business; neither is delivered.
    @inline(never)
    private func admitsClear(_ frame: RawSpan, at offset: Int) -> Bool {
        var flow = Flow.none
        var hasOptions = false
        let packet = frame.extracting(droppingFirst: offset)
        // An IP packet is read as what a tunnel has inside; its own header takes the place of an outer one.
        let verdict = InnerPacket.read(
            packet, payloadByteCount: packet.byteCount, nextHeader: IPHeader.nextHeader(ofFirst: packet.byte(at: 0)),
            isTunnel: true, outer: (flow.remote, flow.local), into: &flow, hasOptions: &hasOptions)
        guard verdict == .pending, served.find(flow.local) >= 0 else { return true }
        return filter.reader.admits(flow, isUnderIPsec: false)
    }

    /// Inner headers, tunnel check, and the packet made ready for the host's stack.
    private mutating func deliver(
        _ work: CipherWork, _ batch: inout PacketBatch, _ packet: Int, in memory: borrowing FrameMemory, now: UInt32,
        _ proof: AuthenticationProof
    ) -> Verdict {
        let record = inbound.records[Int(work.association)]
        let ip = batch[packet].start + Int(batch[packet].ipOffset)
        let plaintext = work.start + work.suite.prefixByteCount
        let payload = max(work.payloadByteCount, 0)
        var hasOptions = false
        var flow = Flow.none
        var verdict = InnerPacket.read(
            memory.bytes(at: plaintext, count: payload), payloadByteCount: work.payloadByteCount,
            nextHeader: work.nextHeader, isTunnel: record.isTunnel, outer: IPHeader.addresses(at: ip, in: memory),
            into: &flow, hasOptions: &hasOptions)
        let bytes = memory.bytes(at: plaintext, count: payload)
        if verdict == .innerFragment && record.isTunnel { verdict = firstFragments.follow(bytes, &flow) }
        guard let verdict, verdict == .pending else { return verdict ?? .malformedInner }
        guard inbound.selectors.allow(flow, head: record.selectors) else { return .tunnelCheckFailed }
        if record.isTunnel, let piece = InnerFragment(reading: bytes) { firstFragments.note(piece, flow, proof) }
        let dvipa = served.find(flow.local)
        guard servesAll || dvipa >= 0 else { return .notDVIPA }
        if filter.isActive && !filter.reader.admits(flow, isUnderIPsec: true) { return .filtered }
        let isOuterV6 = IPHeader.version(memory.bytes(at: ip, count: 1)) == 6
        let between = Int(batch[packet].espOffset - batch[packet].ipOffset)
        // Extension headers look like UDP here: a segment of eight bytes less does no harm.
        let isInUDP = isOuterV6 ? between > IPv6Header.byteCount : memory.bytes(at: ip, count: between).isUDPInIPv4
        if record.isTunnel {
            let marks = CongestionMarks.read(at: ip, in: memory)
            if marks != 0 && !CongestionMarks.carry(marks, to: plaintext, in: memory) { return .congestionDropped }
            batch[packet].start = plaintext
            batch[packet].byteCount = IPPacket.byteCount(memory.bytes(at: plaintext, count: payload))
        } else {
            surface(&batch[packet], at: plaintext, work.nextHeader, payload, in: memory)
        }
        if flow.tcpFlags & TCPHeader.Flag.syn != 0 {
            clampSegmentSize(
                at: batch[packet].start, byteCount: batch[packet].byteCount,
                PacketRoom(work.suite, isTunnel: record.isTunnel, isInUDP: isInUDP, isOuterV6: isOuterV6), in: memory)
        }
        follow(
            flow, dvipa: dvipa, from: .remote, at: batch[packet].start, byteCount: batch[packet].byteCount, in: memory,
            now: now)
        return .delivered
    }

    /// Transport mode: the outer header moves up to the payload and names what ESP had hidden (RFC 4303 §3.1.1). IPv6
    /// brings the extension headers that stood before ESP.
    private func surface(
        _ packet: inout Packet, at plaintext: Int, _ nextHeader: UInt8, _ payload: Int, in memory: borrowing FrameMemory
    ) {
        let ip = packet.start + Int(packet.ipOffset)
        let before = memory.bytes(at: ip, count: Int(packet.espOffset - packet.ipOffset))
        let byteCount: Int
        if let header = IPv6Header(reading: before), header.version == 6 {
            let chain = IPv6Chain(of: header, in: before)
            byteCount = chain.offset
            IPv6Rewriting.move(
                from: ip, to: plaintext - byteCount, headerByteCount: byteCount, totalByteCount: byteCount + payload,
                namedAt: chain.namedAt, nextHeader: nextHeader, in: memory)
        } else {
            byteCount = Int(before.byte(at: IPv4Header.Offset.versionAndLength) & 15) * 4
            IPv4Rewriting.move(
                from: ip, to: plaintext - byteCount, headerByteCount: byteCount, totalByteCount: byteCount + payload,
                ipProtocol: nextHeader, in: memory)
        }
        packet.start = plaintext - byteCount
        packet.byteCount = byteCount + payload
    }
}

extension RawSpan {
    /// Of an IPv4 header that was judged before.
    fileprivate var isUDPInIPv4: Bool { byte(at: IPv4Header.Offset.ipProtocol) == IPProtocol.udp }
}
