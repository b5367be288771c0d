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
        guard let method = wish.method ?? policy.proposals[0].keyExchangeMethod else {
            preconditionFailure("a policy's proposals all have a key exchange of ours")
        }
        let exchange = KeyExchange(method, using: &random)
        let payloads: [IKEPayload] = [
            .securityAssociation(SecurityAssociationPayload(policy.successorOffer(spi))),
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
        guard let payloads, let oldIndex = established.index(of: old),
            let made = successor(asked, payloads, of: established.associations[oldIndex].channel)
        else { throw .invalidAnswer(.createChildSA) }
        let isCurrent = established.associations[oldIndex].phase == .current
        let isLoser =
            asked.wish.rival.map {
                established.index(of: $0.spi) != nil && !$0.lowestNonce.lexicographicallyPrecedes(made.lowestNonce)
            } ?? false
        if isLoser || !isCurrent {
            // The redundant one is deleted by who asked for it (RFC 7296 §2.8.2); the peer deletes the old one.
            established.associations.append(IKEAssociation(made.channel, phase: .leaving))
            if isCurrent, let rival = asked.wish.rival {
                established.succeed(by: rival.spi, leaving: .left(until: now + policy.timing.linger))
            }
            return [.count(.collision)]
        }
        established.associations.append(IKEAssociation(made.channel, phase: .leaving))
        established.succeed(by: asked.spi, leaving: .leaving)
        if let rival = asked.wish.rival.flatMap({ established.index(of: $0.spi) }) {
            established.associations[rival].phase = .left(until: now + policy.timing.linger)
            return [.count(.collision)]
        }
        return []
    }

    private func successor(
        _ asked: SuccessorAsked, _ payloads: [IKEPayload], of old: SealedChannel
    ) -> (channel: SealedChannel, lowestNonce: [UInt8])? {
        guard let proposals = payloads.securityAssociation?.proposals, proposals.count == 1,
            let nonce = payloads.nonce?.data, let theirs = payloads.keyExchange,
            let spi = IKESPI(bytes: proposals[0].spi), spi != .zero,
            ProposalChoice.isChoice(proposals[0], of: policy.successorOffer(asked.spi)),
            let suite = IKESuite(proposals[0]), suite.method == asked.exchange.method,
            theirs.method.rawValue == suite.method.transformID, let secret = try? asked.exchange.agree(theirs.data)
        else { return nil }
        let seed = IKESeed(
            initiatorNonce: asked.nonce, responderNonce: nonce, initiatorSPI: asked.spi.rawValue,
            responderSPI: spi.rawValue)
        let keys = old.keys.successor(
            sharedSecret: secret, prf: suite.prf, protection: suite.protection, seed: seed)
        let channel = SealedChannel(
            initiatorSPI: asked.spi, responderSPI: spi, role: .initiator, keys: keys,
            fragmentLimit: old.fragmentLimit)
        return (channel, lowestNonce(asked.nonce, nonce))
    }

    private func refusedSuccessor(
        _ established: inout Established, _ old: IKESPI, _ asked: SuccessorAsked, _ error: NotifyPayload,
        at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        let isCurrent = established.current.ownSPI == old
        // The peer has replaced it, or is about to: it knows better.
        if let rival = asked.wish.rival, isCurrent, established.index(of: rival.spi) != nil {
            established.succeed(by: rival.spi, leaving: .left(until: now + policy.timing.linger))
            return [.release(asked.spi)]
        }
        guard isCurrent else { return [.release(asked.spi)] }
        if error.type == .invalidKEPayload, established.closing == .no,
            asked.wish.attempt < SuccessorWish.attempts,
            let method = policy.successorOffer(asked.spi).method(
                wanted: error.wantedKeyExchange, insteadOf: asked.exchange.method)
        {
            var wish = asked.wish
            wish.method = method
            wish.attempt += 1
            return askSuccessor(&established, wish, at: now, using: &random)
        }
        if error.type == .temporaryFailure {
            postpone(&established, .rekeyIKE, at: now, using: &random)
            return [.release(asked.spi), .count(.putOffByPeer)]
        }
        let isOfNoUse = error.type == .noAdditionalSAs
        return [.release(asked.spi), .refused(.successorByPeer(error.type))]
            + (isOfNoUse ? reauthenticate(&established) : [])
    }
}
