public import Associations

/// Where targets verify, what a router that only reads gets to know of windows and connections (docs/verification.md).
extension Host {
    /// The windows of those of `count` inbound SAs from a place on that have moved since they were told; the place is moved
    /// behind them, or to the beginning when that was the end. None where the router verifies.
    public mutating func takeVerifiedNumbers(from place: inout Int, count: Int) -> [VerifiedNumbers] {
        guard toldNumbers.isKept else { return [] }
        let end = min(place + count, inbound.capacity)
        defer { place = end == inbound.capacity ? 0 : end }
        var moved: [VerifiedNumbers] = []
        for at in place..<end where toldNumbers.differ(at, inbound.records[at].packets) {
            moved.append(inbound.verified(at: at))
        }
        return moved
    }

    /// Peers behind NATs that send from elsewhere now, since the last call. None where the router verifies: it sees them.
    public mutating func takeSightings() -> [PeerSighting] { inbound.peers.take() }

    @inline(__always)
    mutating func watchPeers(
        _ admitted: WorkCount, _ batch: borrowing PacketBatch, in memory: borrowing FrameMemory, now: UInt32,
        _ proof: AuthenticationProof
    ) {
        guard toldNumbers.isKept, inbound.peers.watchedCount > 0 else { return }
        inbound.watchPeers(works, admitted, batch, in: memory, now: now, proof)
    }

    /// Who listens knows nothing of before: windows and connections are told again, the latter little by little.
    public mutating func tellAgain() {
        toldNumbers.forgetAll()
        connections.tellAgain()
    }
}

/// How many packets had come under each inbound SA when its window was told.
struct ToldNumbers {
    private var packets: [UInt64]

    /// 0: nothing is told.
    init(capacity: Int) { packets = Array(repeating: 0, count: capacity) }

    var isKept: Bool { !packets.isEmpty }

    /// Whether more have come; then they are told.
    mutating func differ(_ place: Int, _ count: UInt64) -> Bool {
        guard packets[place] != count else { return false }
        packets[place] = count
        // Of an SA that is gone nothing is told.
        return count > 0
    }

    mutating func forget(_ place: Int32) { if isKept { packets[Int(place)] = 0 } }

    mutating func forgetAll() {
        for place in packets.indices { packets[place] = 0 }
    }
}

extension InboundAssociations {
    /// The window of the SA at a place.
    func verified(at place: Int) -> VerifiedNumbers {
        let record = records[place]
        return VerifiedNumbers(
            spi: record.spi, highest: record.top,
            words: windows.reader.words(top: record.top, window: UInt64(record.window), in: record.ring))
    }

    /// Takes over what another host has accepted under an SA. Nothing happens where there is no such SA, or for a number
    /// that it cannot have.
    mutating func merge(_ numbers: VerifiedNumbers) {
        guard let place = place(of: numbers.spi).map(Int.init), numbers.highest > 0 else { return }
        let record = records[place]
        guard numbers.highest <= (record.suite.hasESN ? .max >> 1 : UInt64(UInt32.max)) else { return }
        records[place].top = windows.reader.merge(
            numbers.words, highest: numbers.highest, top: record.top, in: record.ring, .ofReport)
    }
}
