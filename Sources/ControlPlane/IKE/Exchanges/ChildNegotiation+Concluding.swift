internal import Associations

/// The initiator's part.
extension ChildNegotiation {
    /// The look at the responder's answer to what was offered with the policy's selectors in IKE_AUTH, with those of a
    /// wish in CREATE_CHILD_SA.
    func conclude(
        _ payloads: [IKEPayload], _ inbound: SPI, offered: TrafficSelectors? = nil, exchange: KeyExchange? = nil
    ) -> Outcome {
        if let error = payloads.notifications.first(where: \.type.isError) {
            return .refused(.childByPeer(error.type), error)
        }
        let own = policy.childOffer(inbound, hasKeyExchange: !isFirst)
        guard let proposals = payloads.securityAssociation?.proposals, proposals.count == 1,
            let theirs = payloads.trafficSelectorsResponder.map({ seen($0.selectors, .remote) }),
            let ours = payloads.trafficSelectorsInitiator.map({ seen($0.selectors, .local) }),
            ProposalChoice.isChoice(proposals[0], of: own, ignoring: ignored),
            let outbound = SPI(bytes: proposals[0].spi),
            let selectors = TrafficSelectors(local: ours, remote: theirs),
            Narrowing.narrow(local: ours, remote: theirs, to: offered ?? policy.selectors) == selectors,
            let secret = secret(proposals[0], exchange, payloads.keyExchange),
            let agreement = ChildAgreement(
                self, ChildSPIs(inbound: inbound, outbound: outbound), proposals[0], selectors,
                sharedSecret: secret.value)
        else { return .refused(.childAnswer, NotifyPayload(.invalidSyntax)) }
        let isTransport = payloads.notification(.useTransportMode) != nil
        guard isTransport == (policy.mode == .transport) else {
            return .refused(.mode(wanted: policy.mode), NotifyPayload(.noProposalChosen))
        }
        return .agreed(agreement, [])
    }

    /// g^ir, where the choice has one; nil when the answer's key exchange does not fit the choice.
    private func secret(
        _ choice: Proposal, _ exchange: KeyExchange?, _ theirs: KeyExchangePayload?
    ) -> (value: SecretBytes?, isThere: Bool)? {
        guard !isFirst, let method = choice.keyExchangeMethod else { return (nil, false) }
        guard let exchange, exchange.method == method, let theirs, theirs.method.rawValue == method.transformID,
            let value = try? exchange.agree(theirs.data)
        else { return nil }
        return (value, true)
    }
}
