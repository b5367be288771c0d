internal import Associations
internal import Wire

/// Which worker a packet is for. Asked only where there are several (docs/workers.md).
///
///     SA by SPI -> its group -> the group's owner:  this worker   the packet goes on
///                                                   another one   handedOver
///                                                   nobody        its ICV is asked; who verifies first, owns
extension Router {
    /// Makes it one of several routers that share SAs by their groups. Before the first SA is installed. Traps when it is called
    /// twice, or there is no such seat.
    public mutating func join(_ crew: WorkerCrew, as seat: Int) {
        precondition(self.crew == nil && seat >= 0 && seat < crew.count)
        self.crew = crew
        self.seat = seat
        groups = Slab(repeating: -1, count: associations.capacity)
        isShared = true
    }

    /// The group of an SA that was installed. One of none is the first worker's.
    mutating func noteGroup(of association: SecurityAssociation, at place: Int32) {
        if isShared { groups[Int(place)] = association.workerGroup }
    }

    /// Gives the packets whose SAs are other workers' the verdict `handedOver`.
    @inline(never)
    mutating func separate(_ batch: inout PacketBatch, in memory: borrowing FrameMemory) {
        guard let crew else { return }
        for at in 0..<batch.count where batch[at].verdict == .pending {
            let group = Int(groups[Int(batch[at].association)])
            var owner = group < 0 ? 0 : crew.ownerWord(of: group)
            if owner == UInt8(seat) { continue }
            if owner == WorkerCrew.nobody {
                guard claims(&batch[at], in: memory) else { continue }
                owner = crew.claim(group, by: seat)
                if owner == UInt8(seat) { continue }
            }
            if owner == WorkerCrew.retired {
                // The SA is being removed.
                batch[at].verdict = .unknownSPI
            } else {
                handOver(&batch[at], to: Int(owner))
            }
        }
    }

    /// Whether a packet of a group that nobody owns gives the right to own it: it is authentic. Otherwise it gets its verdict
    /// here, for nothing of such an SA may change before it is somebody's. It is verified once more on its way.
    ///
    /// Where the targets verify, nobody's word is good here: the first worker takes what the control plane left open.
    private mutating func claims(_ packet: inout Packet, in memory: borrowing FrameMemory) -> Bool {
        guard verification == .router else {
            if seat != 0 { handOver(&packet, to: 0) }
            return false
        }
        let record = associations.records[Int(packet.association)]
        let byteCount = Int(packet.espByteCount)
        guard record.suite.allows(byteCount) else {
            packet.verdict = .wrongLength
            return false
        }
        var number = packet.sequenceNumber
        if record.suite.hasESN {
            number = UInt64(
                low: UInt32(truncatingIfNeeded: number), top: record.top, window: UInt64(record.window))
        }
        let refusal = associations.windows.reader.judge(
            number, top: record.top, window: UInt64(record.window), in: record.ring)
        guard refusal == .pending else {
            packet.verdict = refusal
            return false
        }
        works[0] = CipherWork(
            packet: 0, association: packet.association, start: packet.start + Int(packet.espOffset),
            byteCount: byteCount, salt: record.salt, suite: record.suite)
        if !record.suite.isGCM { works[0].high = UInt32(truncatingIfNeeded: number >> 32) }
        let one = WorkCount(count: 1, isAllGCM: record.suite.isGCM)
        _ = ciphers.verifyAndPeek(&works, one, in: memory, into: heads)
        if works[0].isAuthentic { return true }
        packet.verdict = .badICV
        return false
    }

    /// Gives fragments of ESP to the worker that joins those of their sender.
    @inline(never)
    mutating func separateFragments(_ batch: inout PacketBatch, in memory: borrowing FrameMemory) {
        guard let crew else { return }
        for at in 0..<batch.count where batch[at].verdict == .fragment {
            let frame = memory.bytes(at: batch[at].start, count: batch[at].byteCount)
            guard let sender = Self.sender(of: frame) else { continue }
            let joiner = crew.joiner(ofSender: sender)
            if joiner != seat { handOver(&batch[at], to: joiner) }
        }
    }

    /// As the reassembler knows senders: an IPv4 address, an IPv6 /64. nil for what is no fragment: an ICMP error.
    private static func sender(of frame: RawSpan) -> UInt64? {
        let ip = EthernetHeader.byteCount
        if let header = IPv4Header(reading: frame, at: ip), header.version == 4 {
            return header.ipProtocol == IPProtocol.icmp ? nil : header.source.low
        }
        return IPv6Header(reading: frame, at: ip)?.source.high
    }

    private mutating func handOver(_ packet: inout Packet, to worker: Int) {
        packet.verdict = .handedOver
        packet.target = Int32(truncatingIfNeeded: worker)
        handedOverCount += 1
    }

    /// Copies what other workers own into their rings; what does not fit is `handOverQueueFull`. Before the port takes the
    /// frames back.
    public mutating func passOn(_ batch: inout PacketBatch, from memory: borrowing FrameMemory) {
        guard let crew, handedOverCount > 0 else { return }
        for at in 0..<batch.count where batch[at].verdict == .handedOver {
            let frame = memory.bytes(at: batch[at].start, count: batch[at].byteCount)
            let taken = crew.offer(frame, from: seat, to: Int(batch[at].target))
            if !taken { batch[at].verdict = .handOverQueueFull }
        }
        for worker in 0..<crew.count where worker != seat { crew.publish(from: seat, to: worker) }
    }

    /// Appends what other workers have handed over, until the batch is half full: the rest is for what the port receives. Before
    /// the port's receiving, and that before publications are taken: see `Worker.run`.
    public mutating func takeOver<Port: FramePort & ~Copyable>(into batch: inout PacketBatch, port: inout Port) {
        guard let crew else { return }
        // Another one has the first turn each time.
        let first = turn + 1 == crew.count ? 0 : turn + 1
        turn = first
        var from = first
        repeat {
            if from != seat {
                takenOverCount &+= UInt64(
                    crew.take(from: from, by: seat, into: &batch, limit: batch.capacity / 2, port: &port))
            }
            from = from + 1 == crew.count ? 0 : from + 1
        } while from != first
    }
}
