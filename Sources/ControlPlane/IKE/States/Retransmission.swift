/// A request under way (RFC 7296 §2.1): sent again, byte for byte, until it is answered or given up.
struct Retransmission: Sendable {
    let bytes: [UInt8]
    let exchange: ExchangeType
    let path: Path
    let messageID: UInt32
    /// How often it was sent.
    private(set) var transmissions = 1
    /// Nanoseconds of the session's clock.
    private(set) var dueAt: UInt64
    private var wait: UInt64

    init(
        _ bytes: [UInt8], _ exchange: ExchangeType, path: Path, messageID: UInt32, timing: SessionPolicy.Timing,
        at now: UInt64
    ) {
        self.bytes = bytes
        self.exchange = exchange
        self.path = path
        self.messageID = messageID
        wait = timing.repetition
        dueAt = now + wait
    }

    var send: Session.Action { .send(bytes, path) }

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
    let bytes: [UInt8]

    init(_ bytes: [UInt8], to request: [UInt8], messageID: UInt32) {
        self.bytes = bytes
        self.messageID = messageID
        fingerprint = Digest.sha256(request)
    }

    func isFor(_ datagram: [UInt8]) -> Bool { Digest.sha256(datagram) == fingerprint }
}
