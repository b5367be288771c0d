internal import Associations
internal import Wire

/// What the packet path knows of one inbound SA, on one cache line.
struct InboundAssociation: BitwiseCopyable {
    /// Highest number accepted; 0 before the first.
    var top: UInt64 = 0
    /// Packets and bytes (ESP header to ICV) accepted: the lifecount.
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    /// The salt's bytes as they lie in memory.
    var salt: UInt32 = 0
    var selectors: Int32 = -1
    var spi = SPI(rawValue: 0)
    var suite = CipherSuite.none
    /// Packets; 0 where there is no SA.
    var window: UInt16 = 0
    private var marks: UInt8 = 0
    private var ringMask: UInt8 = 0
    private var ringStart: UInt32 = 0
    /// Where `packets` and `bytes` end: the lifecount's grant. With them an SA is a whole cache line, so that none lies on
    /// two and finding it is a shift.
    var lastPacket: UInt64 = .max
    var lastByte: UInt64 = .max

    /// Its bits of the window.
    @inline(__always)
    var ring: WindowRing {
        get { WindowRing(start: ringStart, mask: ringMask) }
        set { (ringStart, ringMask) = (newValue.start, newValue.mask) }
    }

    private static let tunnelMark: UInt8 = 0x80, nearEndMark: UInt8 = 0x40, transformMarks: UInt8 = 0x3F

    @inline(__always)
    var isTunnel: Bool {
        get { marks & Self.tunnelMark != 0 }
        set { marks = newValue ? marks | Self.tunnelMark : marks & ~Self.tunnelMark }
    }
    /// A packet was refused because the lifecount has no room: `admit` asks before the ciphers work for nothing.
    @inline(__always)
    var isNearEnd: Bool {
        get { marks & Self.nearEndMark != 0 }
        set { marks = newValue ? marks | Self.nearEndMark : marks & ~Self.nearEndMark }
    }
    /// Its place in `TransformMask`, below 64.
    var transform: UInt8 {
        get { marks & Self.transformMarks }
        set { marks = marks & ~Self.transformMarks | newValue & Self.transformMarks }
    }

    /// Whether a packet of so many bytes would pass an end.
    @inline(__always)
    func isSpent(for byteCount: Int) -> Bool {
        packets >= lastPacket || bytes &+ UInt64(truncatingIfNeeded: byteCount) > lastByte
    }
}

/// Why an SA could not be installed.
public enum InstallFailure: Error, Equatable {
    case tableFull(capacity: Int)
    case selectorsDoNotFit
    case windowTooWide(maximum: Int)
}

/// The inbound SAs of a worker: found by SPI, with their windows, selectors and lifecounts.
struct InboundAssociations: ~Copyable {
    private var index: SPIIndex
    var records: Slab<InboundAssociation>
    var windows: ReplayWindows
    var selectors: SelectorTable
    var peers: PeerWatch
    private var free: [Int32]
    /// Packets of the batch at hand that `admit` found replayed, in order.
    private var replays: Slab<Int32>
    private var replayCount = 0
    /// How far the numbers of the works at hand reach beyond the tops of their windows, of SAs with ESN.
    private var reach: UInt64 = 0
    /// Where `admit` stopped before the batch's end; 0 when it did not.
    private(set) var restart = 0
    let capacity: Int

    init(capacity: Int, maximumReplayWindow: Int, batchCapacity: Int) {
        replays = Slab(repeating: 0, count: batchCapacity)
        self.capacity = capacity
        index = SPIIndex(capacity: capacity)
        records = Slab(repeating: InboundAssociation(), count: capacity)
        precondition(MemoryLayout<InboundAssociation>.stride == 64)
        windows = ReplayWindows(count: capacity, maximumWindow: maximumReplayWindow)
        selectors = SelectorTable(capacity: capacity * 2)
        peers = PeerWatch(capacity: capacity)
        free = (0..<Int32(capacity)).reversed()
    }

    /// The place the SA got. An SA of the same SPI is replaced, and its window forgotten: it is another SA.
    mutating func install(_ association: SecurityAssociation, ciphers: borrowing CipherProvider) throws(InstallFailure)
        -> Int32
    {
        guard association.replayWindow <= windows.maximumWindow else {
            throw .windowTooWide(maximum: windows.maximumWindow)
        }
        // All that may fail comes first: an SA that cannot be replaced stays.
        guard place(of: association.spi) != nil || !free.isEmpty else { throw .tableFull(capacity: capacity) }
        guard let chain = selectors.install(association.selectors) else { throw .selectorsDoNotFit }
        remove(association.spi, ciphers: ciphers)
        let place = free.removeLast()
        var record = InboundAssociation()
        record.salt = association.saltInMemory
        record.selectors = chain
        record.spi = association.spi
        record.suite = CipherSuite(association.transform, hasESN: association.hasESN)
        record.window = UInt16(association.replayWindow)
        record.isTunnel = association.mode == .tunnel
        record.transform = TransformMask.place(of: association.transform)
        record.ring = windows.take(window: association.replayWindow)
        records[Int(place)] = record
        peers.install(association, at: Int(place))
        ciphers.install(association, at: Int(place))
        index.insert(association.spi, at: place)
        return place
    }

    /// Forgets an SA and wipes its key; nothing happens where there is none.
    mutating func remove(_ spi: SPI, ciphers: borrowing CipherProvider) {
        let place = index.find(spi)
        guard place >= 0 else { return }
        index.remove(spi)
        selectors.remove(records[Int(place)].selectors)
        windows.give(records[Int(place)].ring)
        records[Int(place)] = InboundAssociation()
        peers.remove(at: Int(place))
        ciphers.remove(at: Int(place))
        free.append(place)
    }

    /// Takes the ends of an SA's lifecount; nothing happens where there is no such SA.
    mutating func allow(_ grant: LifecountGrant) {
        guard let place = place(of: grant.spi) else { return }
        records[Int(place)].lastPacket = grant.packets
        records[Int(place)].lastByte = grant.bytes
        records[Int(place)].isNearEnd = records[Int(place)].isSpent(for: records[Int(place)].suite.minimumByteCount)
    }

    /// Of an SA with ESN: the peer is past `number`, as who sees all of its packets has verified; lower ones are not to come
    /// any more. The window begins no lower, so that a host that saw none of them goes on inferring the right upper half
    /// (docs/esn.md). Nothing happens where there is no such SA.
    mutating func advance(_ spi: SPI, to number: UInt64) {
        guard let place = place(of: spi).map(Int.init), records[place].suite.hasESN, number > records[place].top else {
            return
        }
        let record = records[place]
        if number >> 6 > record.top >> 6 { windows.reader.enter(from: record.top, to: number, in: record.ring) }
        records[place].top = number
    }

    /// What came under the SA at a place; nil where there is none or nothing came.
    func usage(at place: Int) -> AssociationUsage? {
        let record = records[place]
        // Of a router that only reads numbers are known, and no packets.
        guard record.packets > 0 || record.suite.hasESN && record.top > 0 else { return nil }
        return AssociationUsage(
            spi: record.spi, direction: .inbound, packets: record.packets, bytes: record.bytes,
            highest: record.suite.hasESN ? record.top : 0)
    }

    /// The SA's place, or nil.
    func place(of spi: SPI) -> Int32? {
        let place = index.find(spi)
        return place < 0 ? nil : place
    }

    /// For classification, which asks for the line in which an SPI will be looked up.
    @inline(__always)
    var indexReader: SPIIndex.Reader { index.reader }

    /// Finds each pending packet's SA and asks for what the next stages read of it; `unknownSPI` where there is none.
    @inline(__always)
    func find(_ batch: inout PacketBatch) {
        let packets = batch.packets.view
        let index = index.reader
        let records = records.view
        for at in 0..<batch.count where packets[at].verdict == .pending {
            let place = index.find(packets[at].spi)
            if place < 0 {
                packets[at].verdict = .unknownSPI
            } else {
                packets[at].association = place
                records.prefetch(Int(place))
            }
        }
    }

    /// Asks each pending packet's length, number (RFC 4303 §3.4.3: before the ICV) and, near the end of the SA's lifecount,
    /// whether there is room for it, and makes a work for the ciphers of every one that passes, behind `first` others; returns
    /// which they are. Where a packet's number depends on what comes of those before it, it stops: see `restart`.
    @inline(__always)
    mutating func admit(
        _ batch: inout PacketBatch, from start: Int = 0, to cipherWorks: inout Slab<CipherWork>, behind first: Int = 0
    ) -> WorkCount {
        let packets = batch.packets.view
        let works = cipherWorks.view
        let records = records.view
        let windows = windows.reader
        let selectors = selectors.reader
        var count = first
        var isAllGCM = true
        replayCount = 0
        reach = 0
        restart = 0
        for at in start..<batch.count where packets[at].verdict == .pending {
            let place = packets[at].association
            let byteCount = Int(packets[at].espByteCount)
            let suite = records[Int(place)].suite
            if suite.isGCM {
                if !ESPLayout.allows(byteCount) {
                    packets[at].verdict = .wrongLength
                    continue
                }
            } else {
                if !suite.allows(byteCount) {
                    packets[at].verdict = .wrongLength
                    continue
                }
                if suite.hasESN && !extend(&packets[at], records[Int(place)]) {
                    restart = at
                    break
                }
            }
            let refusal = windows.judge(
                packets[at].sequenceNumber, top: records[Int(place)].top, window: UInt64(records[Int(place)].window),
                in: records[Int(place)].ring)
            if refusal != .pending {
                refuse(at, as: refusal, packets)
                continue
            }
            if records[Int(place)].isNearEnd && records[Int(place)].isSpent(for: byteCount) {
                packets[at].verdict = .lifetimeExhausted
                continue
            }
            selectors.prefetch(records[Int(place)].selectors)
            windows.prefetch(records[Int(place)].ring)
            works[count] = CipherWork(
                packet: Int32(truncatingIfNeeded: at), association: place,
                start: packets[at].start &+ Int(packets[at].espOffset), byteCount: byteCount,
                salt: records[Int(place)].salt, suite: suite)
            if !suite.isGCM {
                isAllGCM = false
                works[count].high = UInt32(truncatingIfNeeded: packets[at].sequenceNumber >> 32)
            }
            count &+= 1
        }
        return WorkCount(first: first, count: count, isAllGCM: isAllGCM)
    }

    /// Infers the upper half of a number. False when it depends on the packets before it that wait for the ciphers: were they
    /// authentic, the window would have moved so far that these 32 bits mean another number.
    @inline(never)
    private mutating func extend(_ packet: inout Packet, _ record: InboundAssociation) -> Bool {
        let (low, window) = (UInt32(truncatingIfNeeded: packet.sequenceNumber), UInt64(record.window))
        let number = UInt64(low: low, top: record.top, window: window)
        if reach > 0 && UInt64(low: low, top: record.top &+ reach, window: window) != number { return false }
        packet.sequenceNumber = number
        if number > record.top { reach = max(reach, number &- record.top) }
        return true
    }

    private mutating func refuse(_ packet: Int, as refusal: Verdict, _ packets: SlabView<Packet>) {
        packets[packet].verdict = refusal
        if refusal == .replayed {
            replays[replayCount] = Int32(truncatingIfNeeded: packet)
            replayCount += 1
        }
    }

    /// Moves the windows and counts, for the works whose ICV was right; `badICV` for the others. A number that came twice
    /// in one batch passed `admit` twice, and so did packets that pass an end only together: they are found here.
    @inline(__always)
    mutating func commit(
        _ cipherWorks: borrowing Slab<CipherWork>, _ count: WorkCount, _ batch: inout PacketBatch,
        _ proof: AuthenticationProof
    ) {
        let packets = batch.packets.view
        let works = cipherWorks.view
        let records = records.view
        let windows = windows.reader
        var replay = 0
        for at in count.first..<count.count {
            let packet = Int(works[at].packet)
            if replay < replayCount { judgeReplays(from: &replay, before: packet, &batch) }
            guard works[at].isAuthentic else {
                packets[packet].verdict = .badICV
                continue
            }
            let place = Int(works[at].association)
            let number = packets[packet].sequenceNumber
            let top = records[place].top
            let refusal = windows.judge(
                number, top: top, window: UInt64(records[place].window), in: records[place].ring)
            if refusal != .pending {
                packets[packet].verdict = refusal
                continue
            }
            if records[place].isSpent(for: works[at].byteCount) {
                packets[packet].verdict = .lifetimeExhausted
                records[place].isNearEnd = true
                continue
            }
            records[place].top = windows.record(number, top: top, in: records[place].ring, proof)
            records[place].packets &+= 1
            records[place].bytes &+= UInt64(truncatingIfNeeded: works[at].byteCount)
        }
        if replay < replayCount { judgeReplays(from: &replay, before: batch.count, &batch) }
    }

    /// Asks replayed packets once more, now that the windows have moved as far as they had when it was their turn: what
    /// lies left of the window is called `tooOld`, so that names do not depend on where a batch begins.
    @inline(never)
    private func judgeReplays(from replay: inout Int, before packet: Int, _ batch: inout PacketBatch) {
        while replay < replayCount && Int(replays[replay]) < packet {
            let at = Int(replays[replay])
            let record = records[Int(batch[at].association)]
            let verdict = windows.reader.judge(
                batch[at].sequenceNumber, top: record.top, window: UInt64(record.window), in: record.ring)
            if verdict == .tooOld { batch[at].verdict = .tooOld }
            replay += 1
        }
    }
}
