internal import Associations

/// What both ends of a CREATE_CHILD_SA agreed on before its keys can be made: they wait for further key exchanges.
protocol FollowedUp: Sendable {
    /// The further key exchanges, in the order in which they are made.
    var rounds: [KeyExchangeMethod] { get }
}

/// The IKE_FOLLOWUP_KE exchanges behind a CREATE_CHILD_SA of ours (RFC 9370 §2.2.4).
struct FollowUps<Agreement: FollowedUp>: Sendable {
    let agreement: Agreement
    /// The one under way. Of those before it only the secrets are left.
    private(set) var exchange: KeyExchange
    private(set) var secrets: [SecretBytes] = []

    /// Traps when no further key exchange was agreed on.
    init(_ agreement: Agreement, using random: inout some IKERandomness) {
        self.agreement = agreement
        exchange = KeyExchange(agreement.rounds[0], using: &random)
    }

    enum Progress { case next, complete, invalid }

    /// The peer's answer: `next` begins another round.
    mutating func conclude(_ payloads: [IKEPayload], using random: inout some IKERandomness) -> Progress {
        guard let theirs = payloads.keyExchange, theirs.method == exchange.payload.method,
            let secret = try? exchange.agree(theirs.data)
        else { return .invalid }
        secrets.append(secret)
        guard secrets.count < agreement.rounds.count else { return .complete }
        exchange = KeyExchange(agreement.rounds[secrets.count], using: &random)
        return .next
    }
}

/// A CREATE_CHILD_SA of the peer's that we answered, and that nothing comes of before its IKE_FOLLOWUP_KE exchanges.
/// A session has one at most: the peer's next CREATE_CHILD_SA takes its place.
struct Awaited: Sendable {
    enum Subject: Sendable {
        /// By our SPI, what it takes the place of; nil for one more.
        case child(ChildAgreement, replacing: SPI?)
        case successor(SuccessorAgreement)
    }

    let subject: Subject
    /// Our SPI of the IKE SA that it came through, and that all of it comes through.
    let association: IKESPI
    private(set) var secrets: [SecretBytes] = []
    /// When it is given up, in nanoseconds of the session's clock.
    private(set) var deadline: UInt64

    init(_ subject: Subject, through association: IKESPI, timing: SessionPolicy.Timing, at now: UInt64) {
        self.subject = subject
        self.association = association
        deadline = now + timing.followUp
    }

    private var rounds: [KeyExchangeMethod] {
        switch subject {
        case .child(let agreement, _): agreement.rounds
        case .successor(let agreement): agreement.rounds
        }
    }

    /// Of the round that is next; nil when there is none left.
    var method: KeyExchangeMethod? { secrets.count < rounds.count ? rounds[secrets.count] : nil }

    /// What links the next round to those before. Nobody reads it but we: our SPI of what is made, and the round.
    var link: NotifyPayload {
        let spi: [UInt8] =
            switch subject {
            case .child(let agreement, _): agreement.spis.inbound.bytes
            case .successor(let agreement): agreement.ownSPI.rawValue.bigEndianBytes
            }
        return NotifyPayload(.additionalKeyExchange, data: spi + [UInt8(secrets.count)])
    }

    mutating func endRound(with secret: SecretBytes, timing: SessionPolicy.Timing, at now: UInt64) {
        secrets.append(secret)
        deadline = now + timing.followUp
    }

    /// Whether it is to make the Child SA with this inbound SPI.
    func makes(_ spi: SPI) -> Bool {
        if case .child(let agreement, _) = subject { agreement.spis.inbound == spi } else { false }
    }

    /// Whether it is to make the IKE SA that has this SPI on our side.
    func makes(_ spi: IKESPI) -> Bool {
        if case .successor(let agreement) = subject { agreement.ownSPI == spi } else { false }
    }
}

extension SessionTask.Kind {
    /// What the peer's unfinished CREATE_CHILD_SA decides about: until then it waits.
    var waitsForFollowUps: Bool {
        switch self {
        case .deleteChild, .deleteReplaced, .discard, .rekeyChild, .createChild, .rekeyIKE: true
        case .probe, .updateAddresses, .redirect, .checkRoute: false
        }
    }
}
