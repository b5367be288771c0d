internal import Associations

/// The peer's CREATE_CHILD_SA for the IKE SA's successor.
extension Session {
    /// `index` is that of the IKE SA it came through.
    func answerSuccessor(
        _ established: inout Established, _ index: Int, _ payloads: [IKEPayload], at now: UInt64,
        using random: inout some IKERandomness
    ) -> Reply {
        let old = established.associations[index]
        // RFC 7296 §2.25.1 while a Child SA is being made, rekeyed or closed; §2.25.2 while the IKE SA is being closed,
        // which one that has a successor is. RFC 9370 §2.2.4 while ours is decided on, and its further key exchanges go on.
        guard old.phase == .current, established.closing != .asked, old.asked?.isAboutChildren != true,
            established.rekeying?.wish.rival == nil, established.rekeying?.followUps == nil
        else { return .putOff }
        let room = established.makeRoom()
        guard room.hasRoom else { return .putOff }
        guard let offers = payloads.securityAssociation?.proposals, let theirs = payloads.keyExchange,
            let initiatorNonce = payloads.nonce?.data
        else { return .error(NotifyPayload(.invalidSyntax), [.refused(.invalidSyntax)]) }
        let own = policy.successorOffer(.zero, knowsAdditional: true)
        guard let choice = ProposalChoice.choose(from: offers, by: own), let suite = IKESuite(choice),
            let initiatorSPI = IKESPI(bytes: choice.spi), initiatorSPI != .zero
        else {
            let refusal = Refusal.noProposalChosen(offered: offers.map(\.name), acceptable: own.map(\.name))
            return .error(NotifyPayload(.noProposalChosen), room.actions + [.refused(refusal)])
        }
        let wanted = KeyExchangeID(rawValue: suite.method.transformID)
        guard theirs.method == wanted else {
            return .error(
                .invalidKEPayload(wanted: wanted),
                room.actions + [.refused(.keyExchange(offered: theirs.method, wanted: wanted))])
        }
        guard let exchange = try? KeyExchange.answer(theirs.data, by: suite.method, using: &random) else {
            return .error(NotifyPayload(.invalidSyntax), room.actions + [.refused(.invalidSyntax)])
        }
        let nonce = random.nonce()
        let agreement = SuccessorAgreement(
            suite: suite, sharedSecret: exchange.sharedSecret,
            seed: IKESeed(
                initiatorNonce: initiatorNonce, responderNonce: nonce, initiatorSPI: initiatorSPI.rawValue,
                responderSPI: random.ikeSPI()),
            role: .responder)
        var chosen = choice
        chosen.spi = agreement.ownSPI.bytes
        var reply = Reply(
            payloads: [
                .securityAssociation(SecurityAssociationPayload([chosen])), .nonce(NoncePayload(nonce)),
                .keyExchange(KeyExchangePayload(wanted, data: exchange.publicValue)),
            ], before: room.actions)
        if var asked = established.rekeying {
            asked.wish.rival = SuccessorWish.Rival(
                spi: agreement.ownSPI, lowestNonce: agreement.lowestNonce, stage: .awaited)
            established.current.asked = .rekeyIKE(asked)
            reply.before.append(.count(.collision))
        }
        if agreement.rounds.isEmpty {
            make(&established, agreement, agreement.channel(after: old.channel), at: now, &reply)
        } else {
            let awaited = Awaited(.successor(agreement), through: old.ownSPI, timing: policy.timing, at: now)
            established.awaited = awaited
            reply.payloads.append(.notify(awaited.link))
        }
        return reply
    }

    /// The successor that the peer asked for. There must be room for it.
    func make(
        _ established: inout Established, _ agreement: SuccessorAgreement, _ channel: SealedChannel, at now: UInt64,
        _ reply: inout Reply
    ) {
        let spi = agreement.ownSPI
        established.associations.append(IKEAssociation(channel, phase: .rival))
        reply.before.append(.claim(spi))
        if var asked = established.rekeying {
            asked.wish.rival = SuccessorWish.Rival(
                spi: spi, lowestNonce: agreement.lowestNonce, stage: agreement.rounds.isEmpty ? .made : .settled)
            established.current.asked = .rekeyIKE(asked)
        } else {
            established.succeed(by: spi, leaving: .left(until: now + policy.timing.linger))
        }
    }
}
