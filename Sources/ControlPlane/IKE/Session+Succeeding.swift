internal import Associations

/// The IKE SA's successor by CREATE_CHILD_SA (RFC 7296 §1.3.2, §2.8, §2.18), as who asks.
extension Session {
    /// SK {SA, Ni, KEi}
    func askSuccessor(
        _ established: inout Established, _ wish: SuccessorWish, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        var wish = wish
        var actions: [Action] = []
        let spi = wish.spi ?? IKESPI(rawValue: random.ikeSPI())
        if wish.spi == nil { actions.append(.claim(spi)) }
        wish.spi = spi
        let nonce = random.nonce()
        let offer = policy.successorOffer(spi, knowsAdditional: established.knowsAdditional)
        guard let method = wish.method ?? offer.first?.keyExchangeMethod else {
            preconditionFailure("one of a policy's proposals was agreed on, and all have a key exchange of ours")
        }
        let exchange = KeyExchange(method, using: &random)
        let payloads: [IKEPayload] = [
            .securityAssociation(SecurityAssociationPayload(offer)),
            .nonce(NoncePayload(nonce)), .keyExchange(exchange.payload),
        ]
        let asked = SuccessorAsked(wish: wish, spi: spi, nonce: nonce, exchange: exchange)
        return actions + ask(&established, .rekeyIKE(asked), payloads, .createChildSA, at: now)
    }

    /// The peer's answer, through the IKE SA that is to be replaced. nil payloads could not be read. Throws when the
    /// peer made a successor that we cannot have, and so nothing is left to talk through.
    func concludeSuccessor(
        _ established: inout Established, _ old: IKESPI, _ asked: SuccessorAsked, _ payloads: [IKEPayload]?,
        at now: UInt64, using random: inout some IKERandomness
    ) throws(Failure) -> [Action] {
        if let error = payloads?.notifications.first(where: \.type.isError) {
            return refusedSuccessor(&established, old, asked, error, at: now, using: &random)
        }
        guard let payloads, let oldIndex = established.index(of: old) else { throw .invalidAnswer(.createChildSA) }
        let agreement: SuccessorAgreement
        var secrets: [SecretBytes] = []
        if var followUps = asked.followUps {
            switch followUps.conclude(payloads, using: &random) {
            case .invalid: throw .invalidAnswer(.ikeFollowupKE)
            case .next:
                return try followUp(&established, old, asked, followUps, after: payloads, at: now, using: &random)
            case .complete: (agreement, secrets) = (followUps.agreement, followUps.secrets)
            }
        } else {
            guard let made = agree(asked, payloads, established) else { throw .invalidAnswer(.createChildSA) }
            agreement = made
            if !agreement.rounds.isEmpty {
                let followUps = FollowUps(agreement, using: &random)
                return try followUp(&established, old, asked, followUps, after: payloads, at: now, using: &random)
            }
        }
        established.forgottenFollowUps = 0
        let channel = agreement.channel(after: established.associations[oldIndex].channel, secrets)
        let isCurrent = established.associations[oldIndex].phase == .current
        established.associations.append(IKEAssociation(channel, phase: .leaving))
        guard isCurrent, survives(asked, agreement, established) else {
            // The redundant one is deleted by who asked for it (RFC 7296 §2.8.2); the peer deletes the old one.
            if isCurrent { giveWay(&established, asked.wish.rival, at: now, using: &random) }
            return [.count(.collision)]
        }
        established.succeed(by: asked.spi, leaving: .leaving)
        if let rival = asked.wish.rival.flatMap({ established.index(of: $0.spi) }) {
            established.associations[rival].phase = .left(until: now + policy.timing.linger)
            return [.count(.collision)]
        }
        return []
    }

    private func agree(
        _ asked: SuccessorAsked, _ payloads: [IKEPayload], _ established: Established
    ) -> SuccessorAgreement? {
        let offer = policy.successorOffer(asked.spi, knowsAdditional: established.knowsAdditional)
        guard let proposals = payloads.securityAssociation?.proposals, proposals.count == 1,
            let nonce = payloads.nonce?.data, let theirs = payloads.keyExchange,
            let spi = IKESPI(bytes: proposals[0].spi), spi != .zero,
            ProposalChoice.isChoice(proposals[0], of: offer),
            let suite = IKESuite(proposals[0]), suite.method == asked.exchange.method,
            theirs.method.rawValue == suite.method.transformID, let secret = try? asked.exchange.agree(theirs.data)
        else { return nil }
        let seed = IKESeed(
            initiatorNonce: asked.nonce, responderNonce: nonce, initiatorSPI: asked.spi.rawValue,
            responderSPI: spi.rawValue)
        return SuccessorAgreement(suite: suite, sharedSecret: secret, seed: seed, role: .initiator)
    }

    private func refusedSuccessor(
        _ established: inout Established, _ old: IKESPI, _ asked: SuccessorAsked, _ error: NotifyPayload,
        at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        let isCurrent = established.current.ownSPI == old
        // The peer has replaced it, or is about to: it knows better.
        if let rival = asked.wish.rival, isCurrent, let index = established.index(of: rival.spi) {
            guard asked.followUps != nil else {
                established.succeed(by: rival.spi, leaving: .left(until: now + policy.timing.linger))
                return [.release(asked.spi)]
            }
            // The nonces have decided against it: the peer deletes it.
            established.associations[index].phase = .left(until: now + policy.timing.linger)
        }
        guard isCurrent else { return [.release(asked.spi)] }
        if error.type == .invalidKEPayload, established.closing == .no,
            asked.wish.attempt < SuccessorWish.attempts, asked.followUps == nil,
            let method = policy.successorOffer(asked.spi, knowsAdditional: established.knowsAdditional).method(
                wanted: error.wantedKeyExchange, insteadOf: asked.exchange.method)
        {
            var wish = asked.wish
            wish.method = method
            wish.attempt += 1
            return askSuccessor(&established, wish, at: now, using: &random)
        }
        let isForgotten = noteForgotten(&established, error)
        if error.type == .temporaryFailure || error.type == .stateNotFound, !isForgotten {
            postpone(&established, .rekeyIKE, at: now, using: &random)
            return [.release(asked.spi), .count(.putOffByPeer)]
        }
        let isOfNoUse = error.type == .noAdditionalSAs
        return [.release(asked.spi), .refused(.successorByPeer(error.type))]
            + (isOfNoUse ? reauthenticate(&established) : [])
    }
}
