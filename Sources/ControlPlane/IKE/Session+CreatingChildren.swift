internal import Associations

/// Child SAs by CREATE_CHILD_SA: one more, or one for another (RFC 7296 §1.3.1, §1.3.3).
extension Session {
    /// SK {[N(REKEY_SA),] [N(USE_TRANSPORT_MODE),] SA, Ni, [KEi,] TSi, TSr}
    func askChild(
        _ established: inout Established, _ wish: ChildWish, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        var wish = wish
        let spi = wish.spi ?? random.espSPI()
        wish.spi = spi
        let nonce = random.nonce()
        let exchange = (wish.method ?? policy.childProposals[0].keyExchangeMethod).map {
            KeyExchange($0, using: &random)
        }
        var payloads: [IKEPayload] = []
        if let old = wish.replacing { payloads.append(.notify(NotifyPayload(.rekeySA, .esp, old))) }
        if let resource = wish.resource { payloads.append(.notify(NotifyPayload(.saResourceInfo, data: resource))) }
        if policy.mode == .transport { payloads.append(.notify(NotifyPayload(.useTransportMode))) }
        payloads += [
            .securityAssociation(SecurityAssociationPayload(policy.childOffer(spi, hasKeyExchange: true))),
            .nonce(NoncePayload(nonce)),
        ]
        if let exchange { payloads.append(.keyExchange(exchange.payload)) }
        payloads += [
            .trafficSelectorsInitiator(wish.selectors.payload(.local)),
            .trafficSelectorsResponder(wish.selectors.payload(.remote)),
        ]
        let asked = ChildAsked(wish, spi: spi, nonce: nonce, exchange: exchange)
        return ask(&established, .createChild(asked), payloads, .createChildSA, at: now)
    }

    /// The peer's answer. nil payloads could not be read.
    func concludeChild(
        _ established: inout Established, _ asked: ChildAsked, _ payloads: [IKEPayload]?, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Action] {
        if let error = payloads?.notifications.first(where: \.type.isError) {
            return refusedChild(&established, asked, error, at: now, using: &random)
        }
        if let followUps = asked.followUps {
            return concludeFollowUp(&established, asked, followUps, payloads ?? [], at: now, using: &random)
        }
        let discarding = SessionTask(.discard(asked.spi))
        guard let payloads, let nonce = payloads.nonce?.data else {
            established.tasks.insert(discarding, at: 0)
            return [.refused(.childAnswer)]
        }
        let negotiation = ChildNegotiation(
            policy: policy, established, role: .initiator, path: established.path, initiatorNonce: asked.nonce,
            responderNonce: nonce)
        switch negotiation.conclude(payloads, asked.spi, offered: asked.wish.selectors, exchange: asked.exchange) {
        case .refused(let refusal, _):
            established.tasks.insert(discarding, at: 0)
            return [.refused(refusal)]
        case .agreed(let agreement, _):
            let isSurvivor = survives(asked, lowestNonce(asked.nonce, nonce), established)
            guard agreement.rounds.isEmpty else {
                return followUp(&established, asked, agreement, payloads, isSurvivor, at: now, using: &random)
            }
            guard isSurvivor || asked.deletedEarly.contains(agreement.spis.outbound) else {
                established.tasks.insert(discarding, at: 0)
                return [.count(.collision)]
            }
            return adopt(&established, agreement.associations(), asked)
        }
    }

    /// Of two Child SAs that take the place of one, that of the exchange with the lowest nonce is redundant, and deleted
    /// by who asked for it (RFC 7296 §2.8.1).
    private func survives(_ asked: ChildAsked, _ lowest: [UInt8], _ established: Established) -> Bool {
        guard let rival = asked.wish.rival, let old = asked.wish.replacing else { return true }
        // The peer took its own back, and the old one still waits for a replacement.
        if rival.stage == .settled { return false }
        if rival.stage == .made, established.child(inbound: rival.child) == nil, established.child(inbound: old) != nil
        {
            return true
        }
        return rival.lowestNonce.lexicographicallyPrecedes(lowest)
    }

    func adopt(
        _ established: inout Established, _ associations: ChildSecurityAssociations, _ asked: ChildAsked
    ) -> [Action] {
        var associations = associations
        associations.resource = asked.wish.resource
        let spis = associations.spis
        // The peer deleted it before we knew of it.
        if asked.deletedEarly.contains(spis.outbound) {
            if let old = asked.wish.replacing { established.tasks.insert(SessionTask(.deleteReplaced(old)), at: 0) }
            return []
        }
        established.forgo(asked.wish.rival)
        let old = asked.wish.replacing.flatMap { established.child(inbound: $0) }
        established.children.append(Child(associations, isUsed: true))
        if let old {
            established.replace(old.spis.inbound, by: spis.inbound)
            established.tasks.insert(SessionTask(.deleteReplaced(old.spis.inbound)), at: 0)
        }
        return [.install(associations, replacing: old?.spis), .use(spis)]
    }

    /// For who waits for the Child SA of a resource: nothing when it is made, or asked for again.
    func givenUp(_ asked: ChildAsked, _ actions: [Action], _ established: Established) -> [Action] {
        guard let resource = asked.wish.resource, asked.wish.replacing == nil else { return [] }
        var wishes = established.tasks.compactMap { if case .createChild(let wish) = $0.kind { wish } else { nil } }
        if case .createChild(let again) = established.current.asked { wishes.append(again.wish) }
        let isMade = actions.contains { if case .install = $0 { true } else { false } }
        return isMade || wishes.contains { $0.resource == resource } ? [] : [.notMade(resource: resource)]
    }

    private func refusedChild(
        _ established: inout Established, _ asked: ChildAsked, _ error: NotifyPayload, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Action] {
        let old = asked.wish.replacing.flatMap { established.child(inbound: $0) }
        // What it was about is gone, or replaced by the peer: it knows better.
        if asked.wish.replacing != nil, old == nil || old?.replacement != nil { return [] }
        switch error.type {
        case .invalidKEPayload:
            guard established.closing == .no, asked.wish.attempt < ChildWish.attempts, asked.followUps == nil,
                let method = policy.childOffer(asked.spi, hasKeyExchange: true).method(
                    wanted: error.wantedKeyExchange, insteadOf: asked.exchange?.method)
            else { return [.refused(.childByPeer(error.type))] }
            var wish = asked.wish
            wish.method = method
            wish.attempt += 1
            return askChild(&established, wish, at: now, using: &random)
        case .temporaryFailure, .stateNotFound:
            if noteForgotten(&established, error) { return [.refused(.childByPeer(error.type))] }
            let task: SessionTask.Kind
            if let old {
                task = .rekeyChild(old.spis.inbound)
            } else {
                task = .createChild(ChildWish(selectors: asked.wish.selectors, resource: asked.wish.resource))
            }
            postpone(&established, task, at: now, using: &random)
            return [.count(.putOffByPeer)]
        case .childSANotFound:
            guard let old else { return [.refused(.childByPeer(error.type))] }
            // RFC 7296 §2.25: it goes without a word, and another is made from scratch.
            _ = established.remove(old.spis.inbound)
            established.enqueue(SessionTask(.createChild(ChildWish(selectors: old.selectors))))
            return [.refused(.childByPeer(error.type)), .delete(old.spis)]
        default:
            let isOfNoUse = error.type == .noAdditionalSAs && old != nil
            return [.refused(.childByPeer(error.type))] + (isOfNoUse ? reauthenticate(&established) : [])
        }
    }
}

extension [Proposal] {
    /// The method that INVALID_KE_PAYLOAD asks for, if it was offered, is ours, and not the one it refused.
    func method(wanted: KeyExchangeID?, insteadOf refused: KeyExchangeMethod?) -> KeyExchangeMethod? {
        guard let wanted, wanted.rawValue != refused?.transformID,
            contains(where: { $0.transforms.contains { $0.type == .keyExchange && $0.id == wanted.rawValue } })
        else { return nil }
        return KeyExchangeMethod(transformID: wanted.rawValue)
    }
}
