internal import Associations

/// IKE_FOLLOWUP_KE behind a CREATE_CHILD_SA of ours, one for each further key exchange (RFC 9370 §2.2.4). They follow each
/// other at once, so nothing else of ours comes between.
extension Session {
    /// After the answer to CREATE_CHILD_SA. Nothing is made yet, so there is nothing to take back.
    func followUp(
        _ established: inout Established, _ asked: ChildAsked, _ agreement: ChildAgreement, _ payloads: [IKEPayload],
        _ isSurvivor: Bool, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard isSurvivor else {
            // The peer's is gone on with; unless that fails, it is what takes the old one's place.
            if let old = asked.wish.replacing { postpone(&established, .rekeyChild(old), at: now, using: &random) }
            return [.count(.collision)]
        }
        established.forgo(asked.wish.rival)
        return askNext(
            &established, asked, FollowUps(agreement, using: &random), after: payloads, at: now)
    }

    /// SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)}, unless the session is to end.
    private func askNext(
        _ established: inout Established, _ asked: ChildAsked, _ followUps: FollowUps<ChildAgreement>,
        after payloads: [IKEPayload], at now: UInt64
    ) -> [Action] {
        guard let link = payloads.notification(.additionalKeyExchange) else {
            // It may have made it without them.
            established.tasks.insert(SessionTask(.discard(asked.spi)), at: 0)
            return [.refused(.childAnswer)]
        }
        guard established.closing == .no, !established.current.isBusy else { return [] }
        var asked = asked
        asked.followUps = followUps
        return ask(&established, .createChild(asked), followUps.request(link), .ikeFollowupKE, at: now)
    }

    /// The peer's answer to one of them, which is no error.
    func concludeFollowUp(
        _ established: inout Established, _ asked: ChildAsked, _ before: FollowUps<ChildAgreement>,
        _ payloads: [IKEPayload], at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        var followUps = before
        switch followUps.conclude(payloads, using: &random) {
        case .next: return askNext(&established, asked, followUps, after: payloads, at: now)
        case .complete:
            established.forgottenFollowUps = 0
            var agreement = followUps.agreement
            agreement.relocate(established)
            return adopt(&established, agreement.associations(followUps.secrets), asked)
        case .invalid:
            established.tasks.insert(SessionTask(.discard(asked.spi)), at: 0)
            return [.refused(.childAnswer)]
        }
    }

    /// The same for the IKE SA's successor, through `old`. Throws when the peer's answer cannot be gone on with.
    func followUp(
        _ established: inout Established, _ old: IKESPI, _ asked: SuccessorAsked,
        _ followUps: FollowUps<SuccessorAgreement>, after payloads: [IKEPayload], at now: UInt64,
        using random: inout some IKERandomness
    ) throws(Failure) -> [Action] {
        guard let link = payloads.notification(.additionalKeyExchange) else {
            throw .invalidAnswer(.createChildSA)
        }
        let isCurrent = established.current.ownSPI == old
        guard isCurrent, survives(asked, followUps.agreement, established) else {
            if isCurrent { giveWay(&established, asked.wish.rival, at: now, using: &random) }
            return [.release(asked.spi), .count(.collision)]
        }
        guard established.closing == .no else { return [.release(asked.spi)] }
        established.forgo(asked.wish.rival)
        var asked = asked
        asked.followUps = followUps
        return ask(&established, .rekeyIKE(asked), followUps.request(link), .ikeFollowupKE, at: now)
    }

    /// Of two successors of one IKE SA that of the exchange with the lowest nonce is redundant (RFC 7296 §2.8.2).
    func survives(_ asked: SuccessorAsked, _ agreement: SuccessorAgreement, _ established: Established) -> Bool {
        guard let rival = asked.wish.rival else { return true }
        let isThere = established.index(of: rival.spi) != nil
        switch rival.stage {
        case .settled: return !isThere
        case .made where !isThere: return true
        case .awaited, .made: return rival.lowestNonce.lexicographicallyPrecedes(agreement.lowestNonce)
        }
    }

    /// The peer's successor is the one: now, or when its further key exchanges are over.
    func giveWay(
        _ established: inout Established, _ rival: SuccessorWish.Rival?, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        if let rival, established.index(of: rival.spi) != nil {
            established.succeed(by: rival.spi, leaving: .left(until: now + policy.timing.linger))
        } else if established.closing == .no {
            postpone(&established, .rekeyIKE, at: now, using: &random)
        }
    }

    /// Whether the peer has forgotten what we went on with once too often; then the IKE SA is closed.
    func noteForgotten(_ established: inout Established, _ error: NotifyPayload) -> Bool {
        guard error.type == .stateNotFound else { return false }
        established.forgottenFollowUps += 1
        guard established.forgottenFollowUps > Established.maximumForgottenFollowUps else { return false }
        if established.closing == .no { established.closing = .wished }
        return true
    }
}

extension FollowUps {
    func request(_ link: NotifyPayload) -> [IKEPayload] {
        [.keyExchange(exchange.payload), .notify(NotifyPayload(.additionalKeyExchange, data: link.data))]
    }
}

extension Established {
    /// What the peer began will not be gone on with: ours is what takes the place of the old one.
    mutating func forgo(_ rival: ChildWish.Rival?) {
        if let rival, awaited?.makes(rival.child) == true { awaited = nil }
    }

    mutating func forgo(_ rival: SuccessorWish.Rival?) {
        if let rival, awaited?.makes(rival.spi) == true { awaited = nil }
    }
}
