/// One IKE SA and what it makes, from its first message to its last (RFC 7296).
///
/// A machine without I/O: datagrams, times and random numbers come in as arguments, and what is to be done goes out as
/// actions, to be carried out in their order. `now` is nanoseconds of a clock that does not go back. After every call
/// ask for `deadline` again, and call `tick` when it is there.
///
/// ```
///     initiator                                        responder
///
///       Idle                                             Idle  <--.  NO_PROPOSAL_CHOSEN,
///        | start: IKE_SA_INIT                             |     --'  INVALID_KE_PAYLOAD
///        v                                                | IKE_SA_INIT
///     InitSent <--. COOKIE,                               v
///        |      --' INVALID_KE_PAYLOAD               InitAnswered <--. IKE_INTERMEDIATE,
///        | answer                                         |        --' a round each
///        |---> IntermediateSent <--. a round              |
///        |        |              --' each                 |
///        v        v IKE_AUTH                              | IKE_AUTH
///     AuthSent <--'                                       |
///        | answer                                         |
///        |-----------------> Judging <--------------------|   only if the peer shows a certificate
///        |                      | judged                  |
///        |                      v                         |
///        '-----------------> Established <----------------'
///                                |
///                                | DELETE of either, or silence
///                                v
///     from every state:        Closed     which only repeats its last answer
/// ```
///
/// It is one session through all rekeys of its IKE SA: the old one, its successor and in a collision a redundant one are
/// all in `Established`, and `claim` and `release` say which SPIs are its own.
///
/// What cannot be shown to come from the peer changes nothing but the count that goes out. Two answers of IKE_SA_INIT are
/// believed without proof, as there is none: who guesses the 64 bits of our SPI can end an attempt of ours.
///
/// A responder's session is made for a request of IKE_SA_INIT that a `CookieGate` admitted.
public struct Session: Sendable {
    /// What may become of a first message; after IKE_AUTH only what became of it.
    var candidates: [SessionPolicy]
    /// Of a responder the one that fits best so far: from IKE_AUTH on, the peer's.
    public internal(set) var policy: SessionPolicy
    var state = State.idle
    /// Gateways that sent us on before this one.
    var redirectCount = 0
    /// Whether an initiator says that it has no other IKE SA with this peer (RFC 7296 §2.4).
    var isInitialContact = false

    enum State: Sendable {
        case idle
        case initSent(InitSent)
        case intermediateSent(IntermediateSent)
        case initAnswered(InitAnswered)
        case authSent(AuthSent)
        case judging(Judging)
        case established(Established)
        case closed(Closed)
    }

    public init(_ policy: SessionPolicy) { self.init(candidates: [policy]) }

    /// A responder's that learns only in IKE_AUTH which policy the peer is to be held to: the first that fits it. Traps
    /// without candidates, and with more than `maximumCandidates`.
    public init(candidates: [SessionPolicy]) {
        precondition((1...Self.maximumCandidates).contains(candidates.count))
        self.candidates = candidates
        policy = candidates[0]
    }

    /// Each is looked at once for a first message and once for IKE_AUTH.
    public static let maximumCandidates = 1024

    /// As initiator, by the first candidate, `after` a gateway that sent us here. `isInitialContact` when no other IKE SA with this peer is known, so that it
    /// may forget those that it knows. Traps unless the session is new.
    public mutating func start(
        _ path: Path, after redirected: Redirected? = nil, isInitialContact: Bool = false, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Action] {
        guard case .idle = state else { preconditionFailure("a session starts once") }
        redirectCount = redirected?.count ?? 0
        self.isInitialContact = isInitialContact
        let sent = InitSent(policy, path: path, after: redirected, at: now, using: &random)
        state = .initSent(sent)
        return [.claim(sent.spi)] + sent.request.sends
    }

    /// A datagram, without the non-ESP marker; `path.remote` is where it came from, `path.local` where it arrived.
    public mutating func receive(
        _ datagram: [UInt8], over path: Path, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        let message: IKEMessage
        do {
            message = try IKEMessage(datagram)
        } catch {
            return [.count(.malformed(error.name))] + complaint(error, datagram, path)
        }
        let arrival = Arrival(message: message, datagram: datagram, path: path, now: now)
        switch state {
        case .idle: return answerInit(arrival, using: &random)
        case .initSent(let sent): return concludeInit(sent, arrival, using: &random)
        case .intermediateSent(let sent): return concludeIntermediate(sent, arrival, using: &random)
        case .initAnswered(let answered):
            return answerAuth(answered, arrival, using: &random) + proceed(at: now, using: &random)
        case .authSent(let sent): return concludeAuth(sent, arrival) + proceed(at: now, using: &random)
        case .judging: return [.count(.awaitingVerdict)]
        case .established(let established): return inform(established, arrival, using: &random)
        case .closed(let closed): return repeated(closed.answer, arrival) ?? [.count(.stale)]
        }
    }

    /// When `tick` is due, in nanoseconds; nil when nothing is waited for.
    public var deadline: UInt64? {
        switch state {
        case .idle, .closed: nil
        case .initSent(let sent): sent.request.dueAt
        case .intermediateSent(let sent): sent.request.dueAt
        case .initAnswered(let answered): answered.deadline
        case .authSent(let sent): sent.request.dueAt
        case .judging(let judging): judging.deadline
        case .established(let established): established.deadline(deadPeerAfter: policy.timing.deadPeerAfter)
        }
    }

    /// False for a responder that has refused what it was made for.
    var hasBegun: Bool { if case .idle = state { false } else { true } }
    public var isEstablished: Bool { if case .established = state { true } else { false } }
    public var isClosed: Bool { if case .closed = state { true } else { false } }

    /// The SPIs of the IKE SA; nil before both are known, and when it is closed.
    public var spis: (initiator: IKESPI, responder: IKESPI)? {
        let channel: SealedChannel
        switch state {
        case .idle, .initSent, .closed: return nil
        case .intermediateSent(let sent): channel = sent.agreed.channel
        case .initAnswered(let answered): channel = answered.agreed.channel
        case .authSent(let sent): channel = sent.agreed.channel
        case .judging(let judging): channel = judging.agreed.channel
        case .established(let established): channel = established.channel
        }
        return (channel.initiatorSPI, channel.responderSPI)
    }

    /// Where the peer of an established session is.
    var path: Path? {
        if case .established(let established) = state { established.path } else { nil }
    }

    /// What the ends found between them; nil before IKE_SA_INIT is over.
    public var nat: NATFinding? {
        switch state {
        case .idle, .initSent, .closed: nil
        case .intermediateSent(let sent): sent.agreed.nat
        case .initAnswered(let answered): answered.agreed.nat
        case .authSent(let sent): sent.agreed.nat
        case .judging(let judging): judging.agreed.nat
        case .established(let established): established.nat
        }
    }
}

/// A message with all that came along with it.
struct Arrival {
    let message: IKEMessage
    let datagram: [UInt8]
    let path: Path
    let now: UInt64

    var header: IKEHeader { message.header }
    var isResponse: Bool { header.flags.contains(.response) }
}

extension Session {
    /// The last answer again, over the path that the question came by; nil when this is not the last question. `channel`
    /// is the one that the question was sealed for, if it was.
    func repeated(_ answer: StoredAnswer?, _ arrival: Arrival, over channel: SealedChannel? = nil) -> [Action]? {
        guard let answer, !arrival.isResponse, arrival.header.messageID == answer.messageID,
            answer.isFor(arrival.datagram) || channel?.isFirstFragment(arrival) == true
        else { return nil }
        return [.count(.answerRepeated)] + answer.sends(over: arrival.path)
    }
}
