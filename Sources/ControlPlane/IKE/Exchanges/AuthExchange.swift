internal import Associations

/// The insides of IKE_AUTH with a shared key (RFC 7296 §1.2, §2.15).
enum AuthExchange {
    /// SK {IDi, [IDr,] AUTH, [N(PPK_IDENTITY), [N(NO_PPK_AUTH),]] [N(USE_TRANSPORT_MODE),] SAi2, TSi, TSr}
    static func request(_ agreed: Agreed, _ policy: SessionPolicy, _ spi: SPI) -> [IKEPayload] {
        var payloads: [IKEPayload] = [.identificationInitiator(policy.localID)]
        if let remoteID = policy.remoteID { payloads.append(.identificationResponder(remoteID)) }
        if agreed.extensions.postquantum, let keys = policy.postquantumKeys {
            var mixed = agreed
            mixed.mix(keys.keys[0])
            payloads += [
                .authentication(authentication(mixed, .initiator, policy)), PostquantumIdentity.payload(keys.keys[0]),
            ]
            if !keys.isMandatory {
                let without = authentication(agreed, .initiator, policy)
                payloads.append(.notify(NotifyPayload(.noPPKAuth, data: without.wholeData)))
            }
        } else {
            payloads.append(.authentication(authentication(agreed, .initiator, policy)))
        }
        if policy.mobility != nil { payloads.append(.notify(NotifyPayload(.mobikeSupported))) }
        if policy.mode == .transport { payloads.append(.notify(NotifyPayload(.useTransportMode))) }
        return payloads + [
            .securityAssociation(SecurityAssociationPayload(policy.childOffer(spi))),
            .trafficSelectorsInitiator(policy.selectors.payload(.local)),
            .trafficSelectorsResponder(policy.selectors.payload(.remote)),
        ]
    }

    /// SK {IDr, AUTH, [N(PPK_IDENTITY),] ...}, the Child SA's part behind it.
    static func response(_ agreed: Agreed, _ policy: SessionPolicy, child: [IKEPayload]) -> [IKEPayload] {
        let own: [IKEPayload] = [
            .identificationResponder(policy.localID), .authentication(authentication(agreed, .responder, policy)),
        ]
        let mixed: [IKEPayload] = agreed.isMixed ? [.notify(NotifyPayload(.ppkIdentity))] : []
        let mobile: [IKEPayload] = agreed.isMobile ? [.notify(NotifyPayload(.mobikeSupported))] : []
        return own + mixed + mobile + child
    }

    private static func authentication(
        _ agreed: Agreed, _ role: IKERole, _ policy: SessionPolicy
    ) -> AuthenticationPayload {
        let code = agreed.sharedKeyCode(of: role, policy.presharedKey, policy.localID)
        return AuthenticationPayload(.sharedKey, data: code)
    }

    /// Why the peer is not the one that the policy names; nil when it has proved to be.
    static func failure(
        of peer: IdentificationPayload, _ proof: AuthenticationPayload?, _ agreed: Agreed, _ policy: SessionPolicy
    ) -> Session.Failure? {
        guard let proof, proof.method == .sharedKey, agreed.isPeer(proof.data, policy.presharedKey, peer) else {
            return .authentication(peer)
        }
        if let expected = policy.remoteID, expected != peer { return .identification(peer, expected: expected) }
        return nil
    }
}
