/// A request under way (RFC 7296 §2.1): sent again, byte for byte, until it is answered or given up.
struct Retransmission: Sendable {
    /// One, or one for each fragment (RFC 7383 §2.6.1 repeats them all).
    let datagrams: [[UInt8]]
    let exchange: ExchangeType
    private(set) var path: Path
    let messageID: UInt32
    /// How often it was sent.
    private(set) var transmissions = 1
    /// Nanoseconds of the session's clock.
    private(set) var dueAt: UInt64
    private var wait: UInt64

    init(
        _ datagrams: [[UInt8]], _ exchange: ExchangeType, path: Path, messageID: UInt32, timing: SessionPolicy.Timing,
        at now: UInt64
    ) {
        self.datagrams = datagrams
        self.exchange = exchange
        self.path = path
        self.messageID = messageID
        wait = timing.repetition
        dueAt = now + wait
    }

    var sends: [Session.Action] { datagrams.map { .send($0, path) } }

    /// From now on over this path.
    mutating func redirect(to path: Path) { self.path = path }

    enum Due { case notYet, again, gone }

    mutating func tick(_ timing: SessionPolicy.Timing, at now: UInt64) -> Due {
        guard now >= dueAt else { return .notYet }
        guard transmissions < timing.transmissions else { return .gone }
        transmissions += 1
        wait *= 2
        dueAt = now + wait
        return .again
    }
}

/// The last answer, kept for who asks again. A request is known by its message ID and by its fingerprint: a peer repeats
/// byte for byte, and who only replays makes us repeat what was sent anyway.
struct StoredAnswer: Sendable {
    let messageID: UInt32
    private let fingerprint: [UInt8]
    /// One, or one for each fragment.
    let datagrams: [[UInt8]]

    /// `request` is the datagram that asks, of a fragmented request that of the first fragment: only that one is answered
    /// again (RFC 7383 §2.6.1).
    init(_ datagrams: [[UInt8]], to request: [UInt8], messageID: UInt32) {
        self.datagrams = datagrams
        self.messageID = messageID
        fingerprint = Digest.sha256(request)
    }

    func isFor(_ datagram: [UInt8]) -> Bool { Digest.sha256(datagram) == fingerprint }

    func sends(over path: Path) -> [Session.Action] { datagrams.map { .send($0, path) } }
}
