internal import Associations

/// One IKE SA as one end has it: its keys, both windows of 1 (RFC 7296 §2.3), and what is under way. A session has one,
/// and while it is rekeyed the old, the new, and in a collision a redundant one.
struct IKEAssociation: Sendable {
    var channel: SealedChannel
    /// The message ID of our next request, and the one of the peer's next.
    var nextOwnID: UInt32 = 0
    var nextPeerID: UInt32 = 0
    /// To the peer's last request; nil before its first.
    var answer: StoredAnswer?
    /// To the peer's last question for the message IDs, and the number that it wanted to go on with.
    var synchronised: (to: UInt32, answer: StoredAnswer)?
    /// Ours, unanswered, and what it is about; both or none.
    private(set) var request: Retransmission?
    var asked: Asked?
    var phase: Phase

    enum Phase: Sendable, Hashable {
        /// The one of the session.
        case current
        /// The peer's successor of the current one, while we wait for the answer to our own rekeying (RFC 7296 §2.8.2).
        case rival
        /// Ours to delete.
        case leaving
        /// The peer's to delete, until the time given, nanoseconds of the session's clock.
        case left(until: UInt64)
        /// Deleted by the peer, which may not have our answer yet.
        case gone(until: UInt64)
    }

    init(_ channel: SealedChannel, phase: Phase) {
        self.channel = channel
        self.phase = phase
    }

    /// Our side's SPI: no two associations of one end have the same.
    var ownSPI: IKESPI { channel.ownSPI }

    var isBusy: Bool { request != nil }

    /// A request of ours. Traps when one is under way.
    mutating func ask(
        _ asked: Asked, _ payloads: [IKEPayload], _ exchange: ExchangeType, path: Path, timing: SessionPolicy.Timing,
        at now: UInt64
    ) -> [Session.Action] {
        defer { nextOwnID += 1 }
        return ask(asked, payloads, exchange, messageID: nextOwnID, path: path, timing: timing, at: now)
    }

    /// The question for the message IDs, which has none of its own.
    mutating func synchronise(
        _ question: Synchronisation, path: Path, timing: SessionPolicy.Timing, at now: UInt64
    ) -> [Session.Action] {
        ask(
            .synchronise(question), [question.payload], .informational, messageID: 0, path: path, timing: timing,
            at: now)
    }

    private mutating func ask(
        _ asked: Asked, _ payloads: [IKEPayload], _ exchange: ExchangeType, messageID: UInt32, path: Path,
        timing: SessionPolicy.Timing, at now: UInt64
    ) -> [Session.Action] {
        precondition(request == nil, "the window is 1")
        let datagrams = channel.seal(payloads, exchange, messageID: messageID, isResponse: false)
        let request = Retransmission(datagrams, exchange, path: path, messageID: messageID, timing: timing, at: now)
        self.request = request
        self.asked = asked
        return request.sends
    }

    /// What is under way goes over this path from now on.
    mutating func redirect(to path: Path) { request?.redirect(to: path) }

    /// What the request under way was about, which is over.
    mutating func conclude() -> Asked? {
        defer { asked = nil }
        request = nil
        return asked
    }

    mutating func tick(_ timing: SessionPolicy.Timing, at now: UInt64) -> Retransmission.Due {
        guard var request else { return .notYet }
        defer { self.request = request }
        return request.tick(timing, at: now)
    }

    /// Whether it was kept long enough.
    func isOver(at now: UInt64) -> Bool {
        switch phase {
        case .current, .rival, .leaving: false
        case .left(let until), .gone(let until): now >= until
        }
    }

    /// When something is due, in nanoseconds.
    var deadline: UInt64? {
        let end: UInt64? =
            switch phase {
            case .current, .rival, .leaving: nil
            case .left(let until), .gone(let until): until
            }
        return [request?.dueAt, end].compactMap { $0 }.min()
    }
}

extension SealedChannel {
    var ownSPI: IKESPI { role == .initiator ? initiatorSPI : responderSPI }
}
