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
        // which one that has a successor is.
        guard old.phase == .current, established.closing != .asked, old.asked?.isAboutChildren != true,
            established.rekeying?.wish.rival == nil
        else { return .putOff }
        let room = established.makeRoom()
        guard room.hasRoom else { return .putOff }
        guard let offers = payloads.securityAssociation?.proposals, let theirs = payloads.keyExchange,
            let initiatorNonce = payloads.nonce?.data
        else { return .error(NotifyPayload(.invalidSyntax), [.refused(.invalidSyntax)]) }
        let own = policy.successorOffer(.zero)
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
        let spi = IKESPI(rawValue: random.ikeSPI())
        let nonce = random.nonce()
        let seed = IKESeed(
            initiatorNonce: initiatorNonce, responderNonce: nonce, initiatorSPI: initiatorSPI.rawValue,
            responderSPI: spi.rawValue)
        let keys = old.channel.keys.successor(
            sharedSecret: exchange.sharedSecret, prf: suite.prf, protection: suite.protection, seed: seed)
        let channel = SealedChannel(
            initiatorSPI: initiatorSPI, responderSPI: spi, role: .responder, keys: keys,
            fragmentLimit: old.channel.fragmentLimit)
        established.associations.append(IKEAssociation(channel, phase: .rival))
        var reply = choice
        reply.spi = spi.bytes
        var actions = room.actions + [.claim(spi)]
        if var asked = established.rekeying {
            asked.wish.rival = SuccessorWish.Rival(spi: spi, lowestNonce: lowestNonce(initiatorNonce, nonce))
            established.current.asked = .rekeyIKE(asked)
            actions.append(.count(.collision))
        } else {
            established.succeed(by: spi, leaving: .left(until: now + policy.timing.linger))
        }
        return Reply(
            payloads: [
                .securityAssociation(SecurityAssociationPayload([reply])), .nonce(NoncePayload(nonce)),
                .keyExchange(KeyExchangePayload(wanted, data: exchange.publicValue)),
            ], before: actions)
    }
}
