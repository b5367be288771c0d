internal import Associations

/// The Child SA that IKE_AUTH makes along with the IKE SA (RFC 7296 §1.2, §2.9, §2.17).
struct ChildNegotiation {
    let policy: SessionPolicy
    let agreed: Agreed
    /// That of the IKE_AUTH messages: the SAs' outer addresses.
    let path: Path

    enum Outcome {
        /// With what the responder puts into its answer.
        case agreed(ChildSecurityAssociations, ChildSPIs, [IKEPayload])
        case refused(Session.Refusal, NotifyPayload)
    }

    /// The responder's answer to an offer; nil when the offer lacks a payload.
    func answer(_ payloads: [IKEPayload], using random: inout some IKERandomness) -> Outcome? {
        guard let offer = payloads.securityAssociation, let theirs = payloads.trafficSelectorsInitiator,
            let ours = payloads.trafficSelectorsResponder
        else { return nil }
        let wantsTransport = payloads.notification(.useTransportMode) != nil
        if policy.mode == .transport && !wantsTransport {
            return .refused(.mode(wanted: .transport), NotifyPayload(.noProposalChosen))
        }
        let own = policy.childOffer(SPI(rawValue: 0))
        guard
            let choice = ProposalChoice.choose(from: offer.proposals, by: own, ignoring: [.keyExchange]),
            let transform = Associations.Transform(choice), let outbound = SPI(bytes: choice.spi)
        else {
            let refusal = Session.Refusal.noProposalChosen(
                offered: offer.proposals.map(\.name), acceptable: own.map(\.name))
            return .refused(refusal, NotifyPayload(.noProposalChosen))
        }
        guard let selectors = Narrowing.narrow(local: ours.selectors, remote: theirs.selectors, to: policy.selectors)
        else {
            let refusal = Session.Refusal.selectors(
                local: ours.selectors.map(\.description), remote: theirs.selectors.map(\.description))
            return .refused(refusal, NotifyPayload(.tsUnacceptable))
        }
        let spis = ChildSPIs(inbound: random.espSPI(), outbound: outbound)
        var reply = choice
        reply.spi = spis.inbound.bytes
        var answer: [IKEPayload] = policy.mode == .transport ? [.notify(NotifyPayload(.useTransportMode))] : []
        answer += [
            .securityAssociation(SecurityAssociationPayload([reply])),
            .trafficSelectorsInitiator(selectors.payload(.remote)),
            .trafficSelectorsResponder(selectors.payload(.local)),
        ]
        return .agreed(associations(spis, transform, selectors), spis, answer)
    }

    /// The initiator's look at the responder's answer to its offer.
    func conclude(_ payloads: [IKEPayload], _ inbound: SPI) -> Outcome {
        if let error = payloads.notifications.first(where: { $0.type.rawValue < 16384 }) {
            return .refused(.childByPeer(error.type), error)
        }
        guard let proposals = payloads.securityAssociation?.proposals, proposals.count == 1,
            let theirs = payloads.trafficSelectorsResponder?.selectors,
            let ours = payloads.trafficSelectorsInitiator?.selectors,
            ProposalChoice.isChoice(proposals[0], of: policy.childOffer(inbound), ignoring: [.keyExchange]),
            let transform = Associations.Transform(proposals[0]), let outbound = SPI(bytes: proposals[0].spi),
            let selectors = TrafficSelectors(local: ours, remote: theirs),
            Narrowing.narrow(local: ours, remote: theirs, to: policy.selectors) == selectors
        else { return .refused(.childAnswer, NotifyPayload(.invalidSyntax)) }
        let isTransport = payloads.notification(.useTransportMode) != nil
        guard isTransport == (policy.mode == .transport) else {
            return .refused(.mode(wanted: policy.mode), NotifyPayload(.noProposalChosen))
        }
        let spis = ChildSPIs(inbound: inbound, outbound: outbound)
        return .agreed(associations(spis, transform, selectors), spis, [])
    }

    private func associations(
        _ spis: ChildSPIs, _ transform: Associations.Transform, _ selectors: TrafficSelectors
    ) -> ChildSecurityAssociations {
        let keys = ChildKeys(
            of: agreed.channel.keys, initiatorNonce: agreed.initiatorNonce, responderNonce: agreed.responderNonce,
            sizes: ChildKeySizes(transform))
        let isInitiator = agreed.channel.role == .initiator
        let encapsulation =
            agreed.nat.isFound
            ? UDPEncapsulation(remotePort: path.remote.port, localPort: path.local.port) : nil
        func association(_ spi: SPI, _ direction: Direction, _ keys: ChildKeys.OneWay) -> SecurityAssociation {
            SecurityAssociation(
                name: policy.name, spi: spi, direction: direction, mode: policy.mode,
                source: direction == .inbound ? path.remote.address : path.local.address,
                destination: direction == .inbound ? path.local.address : path.remote.address,
                transform: transform, key: keys.encryption, salt: keys.salt, selectors: selectors,
                replayWindow: policy.replayWindow, udpEncapsulation: encapsulation)
        }
        return ChildSecurityAssociations(
            inbound: association(spis.inbound, .inbound, isInitiator ? keys.fromResponder : keys.fromInitiator),
            outbound: association(spis.outbound, .outbound, isInitiator ? keys.fromInitiator : keys.fromResponder))
    }
}

extension SPI {
    /// nil unless there are four bytes and they name an SA (RFC 4303 §2.1).
    init?(bytes: [UInt8]) {
        guard bytes.count == 4 else { return nil }
        self.init(rawValue: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        guard rawValue > 255 else { return nil }
    }
}
