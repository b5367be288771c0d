internal import Associations

/// The responder's part.
extension ChildNegotiation {
    /// The answer to an offer; nil when the offer lacks a payload, or has a public value that is none.
    func answer(_ payloads: [IKEPayload], using random: inout some IKERandomness) -> Outcome? {
        guard let offer = payloads.securityAssociation, let theirs = payloads.trafficSelectorsInitiator,
            let ours = payloads.trafficSelectorsResponder
        else { return nil }
        if payloads.notification(.useBEETMode) != nil {
            return .refused(.beetMode, NotifyPayload(.noProposalChosen))
        }
        let wantsTransport = payloads.notification(.useTransportMode) != nil
        if policy.mode == .transport && !wantsTransport {
            return .refused(.mode(wanted: .transport), NotifyPayload(.noProposalChosen))
        }
        let own = policy.childOffer(SPI(rawValue: 0), hasKeyExchange: !isFirst)
        guard let choice = ProposalChoice.choose(from: offer.proposals, by: own, ignoring: ignored),
            Associations.Transform(choice) != nil, let outbound = SPI(bytes: choice.spi)
        else {
            let refusal = Session.Refusal.noProposalChosen(
                offered: offer.proposals.map(\.name), acceptable: own.map(\.name))
            return .refused(refusal, NotifyPayload(.noProposalChosen))
        }
        guard
            let selectors = Narrowing.narrow(
                local: seen(ours.selectors, .local), remote: seen(theirs.selectors, .remote), to: policy.selectors)
        else {
            let refusal = Session.Refusal.selectors(
                local: ours.selectors.map(\.description), remote: theirs.selectors.map(\.description))
            return .refused(refusal, NotifyPayload(.tsUnacceptable))
        }
        let half: (payloads: [IKEPayload], secret: SecretBytes?)
        switch answerKeyExchange(choice, payloads.keyExchange, using: &random) {
        case nil: return nil
        case .wanted(let wanted, let offered):
            return .refused(.keyExchange(offered: offered, wanted: wanted), .invalidKEPayload(wanted: wanted))
        case .made(let payloads, let secret): half = (payloads, secret)
        }
        let spis = ChildSPIs(inbound: random.espSPI(), outbound: outbound)
        var reply = choice
        reply.spi = spis.inbound.bytes
        var answer: [IKEPayload] = policy.mode == .transport ? [.notify(NotifyPayload(.useTransportMode))] : []
        // Ours is bound to no resource in particular (RFC 9611 §4).
        if payloads.notification(.saResourceInfo) != nil { answer.append(.notify(NotifyPayload(.saResourceInfo))) }
        answer.append(.securityAssociation(SecurityAssociationPayload([reply])))
        answer += half.payloads
        answer += [
            .trafficSelectorsInitiator(selectors.payload(.remote)),
            .trafficSelectorsResponder(selectors.payload(.local)),
        ]
        return ChildAgreement(self, spis, choice, selectors, sharedSecret: half.secret).map { .agreed($0, answer) }
    }

    private enum KeyExchangeAnswer {
        /// What follows the SA payload in CREATE_CHILD_SA, and g^ir.
        case made([IKEPayload], SecretBytes?)
        /// What the choice has, and what the peer began with (RFC 7296 §1.3).
        case wanted(KeyExchangeID, offered: KeyExchangeID)
    }

    /// nil for a public value that is none of its group's.
    private func answerKeyExchange(
        _ choice: Proposal, _ theirs: KeyExchangePayload?, using random: inout some IKERandomness
    ) -> KeyExchangeAnswer? {
        guard !isFirst else { return .made([], nil) }
        let nonce = IKEPayload.nonce(NoncePayload(responderNonce))
        guard let method = choice.keyExchangeMethod else { return .made([nonce], nil) }
        let wanted = KeyExchangeID(rawValue: method.transformID)
        guard let theirs, theirs.method == wanted else { return .wanted(wanted, offered: theirs?.method ?? .none) }
        guard let exchange = try? KeyExchange.answer(theirs.data, by: method, using: &random) else { return nil }
        return .made(
            [nonce, .keyExchange(KeyExchangePayload(wanted, data: exchange.publicValue))], exchange.sharedSecret)
    }
}

extension Proposal {
    /// The first that it names and we have; nil for none.
    var keyExchangeMethod: KeyExchangeMethod? {
        for transform in transforms where transform.type == .keyExchange && transform.id != 0 {
            if let method = KeyExchangeMethod(transformID: transform.id) { return method }
        }
        return nil
    }
}
