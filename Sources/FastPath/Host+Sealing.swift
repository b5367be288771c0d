public import Associations
internal import Wire

extension Host {
    /// Seals what the host's own stack sends. A packet comes out `sealed`, lying at its `start` as the IP packet to be
    /// sent; with the verdict that says why not; or still `pending`, when its SA has no number for it now: it stays in the
    /// batch, in its place, until a lease comes. Frames need `HostRoom` in front and behind.
    ///
    /// - Parameter now: Nanoseconds of CLOCK_MONOTONIC, read no earlier than just before the call.
    public mutating func seal(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt64) {
        var index = 0
        firstFragments.now = Self.seconds(now)
        connections.age(TrackedConnections.walkCount, now: Self.seconds(now))
        let packets = batch.packets.view
        let frames = memory.view
        var served = served.reader
        while index < batch.count {
            var count = 0
            while index < batch.count && count < works.count {
                if packets[index].verdict == .pending {
                    switch sealPlain(index, packets, to: count, in: frames, now: now, &served) {
                    case .done: count += 1
                    case .waits: break
                    case .other: if prepare(index, &batch, to: count, in: memory, now: now) { count += 1 }
                    }
                }
                index += 1
            }
            outboundCiphers.seal(works, WorkCount(works, count: count), in: memory)
            if outbound.hasUDP6 { completeUDP(batch, count: count, in: memory) }
        }
    }

    /// Takes back packets that were sealed but whose lease has run out since: between the sealing and the sending the
    /// thread may have lost the processor, and others have the peer's window by now. Their numbers are never used.
    public func withholdLate(_ batch: inout PacketBatch, now: UInt64) {
        for index in 0..<batch.count
        where batch[index].verdict == .sealed && now >= outbound.records[Int(batch[index].association)].validUntil {
            batch[index].verdict = .noSequenceNumber
        }
    }

    /// An own SA that packets were there for since the last time, and that has had no lease yet: they went under another.
    public mutating func takeMissed() -> SPI? { outbound.takeMissed() }

    /// Policy, SA, number; headers and trailer around the packet. False when it is not to be sealed (now).
    private mutating func prepare(
        _ index: Int, _ batch: inout PacketBatch, to work: Int, in memory: borrowing FrameMemory, now: UInt64
    ) -> Bool {
        let start = batch[index].start
        let packet = memory.bytes(at: start, count: batch[index].byteCount)
        guard let header = OutgoingHeader(packet) else {
            // The kernel greets its neighbours on every interface.
            batch[index].verdict = .noPolicy
            return false
        }
        var flow = Flow.none
        var hasOptions = false
        var read = InnerPacket.read(
            packet, payloadByteCount: batch[index].byteCount, nextHeader: header.nextHeader, isTunnel: true,
            outer: (flow.remote, flow.local), into: &flow, hasOptions: &hasOptions)
        if read == .innerFragment { read = firstFragments.follow(packet, &flow) }
        guard read == .pending else {
            batch[index].verdict = read ?? .malformedInner
            return false
        }
        if let piece = InnerFragment(reading: packet) { firstFragments.note(piece, flow, .ofOwnStack) }
        flow = flow.reversed
        let place = outbound.find(flow)
        guard place >= 0 else {
            batch[index].verdict = .noPolicy
            return false
        }
        batch[index].association = Int32(place)
        let record = outbound.records[place]
        if record.isRelayed {
            batch[index].verdict = sendInClear(
                &batch[index], byteCount: header.totalByteCount, flow, in: memory, now: Self.seconds(now))
            return false
        }
        let espByteCount = record.suite.byteCount(
            forPayload: header.totalByteCount - (record.isTunnel ? 0 : header.splitByteCount))
        let around =
            (record.isTunnel ? PacketRoom.ipHeader(isV6: !record.destination.isV4) : header.splitByteCount)
            + (record.isInUDP ? UDPHeader.byteCount : 0)
        if espByteCount + around > pathMTU || record.pathMTU > 0,
            refuse(&batch[index], header, record, in: memory, now: Self.seconds(now))
        {
            return false
        }
        // The packet that would pass an end uses no number, and none behind it waits for one in vain.
        guard !record.isSpent(for: espByteCount) else {
            batch[index].verdict = .lifetimeExhausted
            return false
        }
        guard record.next < record.end, now < record.validUntil else { return false }
        outbound.records[place].next = record.next + 1
        // Counted as soon as it has its number, so that the packets of one batch together do not pass the end either.
        outbound.records[place].packets &+= 1
        outbound.records[place].bytes &+= UInt64(truncatingIfNeeded: espByteCount)
        batch[index].sequenceNumber = record.next
        sentNumbers.note(record.spi, record.next, now: Self.seconds(now))
        if flow.tcpFlags & TCPHeader.Flag.syn != 0 {
            clampSegmentSize(
                at: start, byteCount: batch[index].byteCount, record.room, in: memory)
        }
        follow(
            flow, dvipa: served.find(flow.local), from: .local, at: start, byteCount: batch[index].byteCount,
            in: memory,
            now: Self.seconds(now))
        works[work] = enclose(&batch[index], at: index, header, record, place, in: memory)
        batch[index].verdict = .sealed
        return true
    }

    /// Puts ESP around a packet, but for the encryption.
    ///
    ///     tunnel      | outer IPv4 20 | (UDP 8) | ESP 8 | IV | inner IPv4 ... | pad | n, 4 | ICV |
    ///     transport   | IPv4 20..60   | (UDP 8) | ESP 8 | IV | payload ...    | pad | n, p | ICV |
    ///
    /// Of IPv6 (40 bytes, and 41 for 4) the extension headers for the way stay in front in transport mode.
    private func enclose(
        _ packet: inout Packet, at index: Int, _ header: OutgoingHeader, _ record: OutboundAssociation,
        _ place: Int, in memory: borrowing FrameMemory
    ) -> CipherWork {
        let inner = packet.start
        let stays = record.isTunnel ? 0 : header.splitByteCount
        let payload = header.totalByteCount - stays
        let suite = record.suite
        let esp = inner + stays - suite.prefixByteCount
        let espByteCount = suite.byteCount(forPayload: payload)
        let udpByteCount = record.isInUDP ? UDPHeader.byteCount : 0
        let ipProtocol = record.isInUDP ? IPProtocol.udp : IPProtocol.esp

        if record.isTunnel {
            writeOuter(
                &packet, header, record, upTo: esp - udpByteCount, payloadByteCount: udpByteCount + espByteCount,
                ipProtocol, in: memory)
        } else {
            packet.start = inner - suite.prefixByteCount - udpByteCount
            packet.byteCount = stays + udpByteCount + espByteCount
            header.move(
                from: inner, to: packet.start, totalByteCount: packet.byteCount, ipProtocol: ipProtocol, in: memory)
        }
        if record.isInUDP {
            var udp = memory.mutableBytes(at: esp - UDPHeader.byteCount, count: UDPHeader.byteCount)
            UDPHeader.write(
                to: &udp, at: 0, sourcePort: record.localPort, destinationPort: record.remotePort,
                totalByteCount: UDPHeader.byteCount + espByteCount)
        }
        var bytes = memory.mutableBytes(at: esp, count: espByteCount)
        bytes.storeBigEndian(record.spi.rawValue, at: ESPHeader.Offset.spi)
        bytes.storeBigEndian(UInt32(truncatingIfNeeded: packet.sequenceNumber), at: ESPHeader.Offset.sequenceNumber)
        // The IV is the number: one proof that numbers are used once covers nonces, too. Of CBC's, which nobody may foresee,
        // the number is only the lower half of what the ciphers encrypt to it; NULL has none.
        if suite.ivByteCount == 16 { bytes.storeBigEndian(UInt64(0), at: ESPHeader.Offset.iv) }
        if suite.ivByteCount > 0 { bytes.storeBigEndian(packet.sequenceNumber, at: suite.prefixByteCount - 8) }
        let padding = suite.padding(forPayload: payload)
        let end = suite.prefixByteCount + payload
        for pad in 0..<padding { bytes.store(UInt8(pad + 1), at: end + pad) }
        bytes.store(UInt8(padding), at: end + padding)
        bytes.store(record.isTunnel ? header.nextHeader : header.splitProtocol, at: end + padding + 1)

        packet.espOffset = Int32(esp - packet.start)
        packet.espByteCount = Int32(espByteCount)
        var work = CipherWork(
            packet: Int32(index), association: Int32(place), start: esp, byteCount: espByteCount, salt: record.salt,
            suite: suite)
        work.high = UInt32(truncatingIfNeeded: packet.sequenceNumber >> 32)
        return work
    }
}
