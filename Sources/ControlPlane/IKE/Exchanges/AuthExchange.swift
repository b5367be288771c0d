internal import Associations

/// The insides of IKE_AUTH (RFC 7296 §1.2, §2.15).
enum AuthExchange {
    /// SK {IDi, [CERT...,] [N(INITIAL_CONTACT),] [CERTREQ,] [IDr,] AUTH, [N(PPK_IDENTITY), [N(NO_PPK_AUTH),]]
    /// [N(USE_TRANSPORT_MODE),] SAi2, TSi, TSr}
    static func request(
        _ agreed: Agreed, _ policy: SessionPolicy, _ spi: SPI, isInitialContact: Bool = false
    ) throws(Session.Failure) -> [IKEPayload] {
        var payloads: [IKEPayload] = [.identificationInitiator(policy.localID)] + certificates(policy)
        if isInitialContact { payloads.append(.notify(NotifyPayload(.initialContact))) }
        payloads += [policy].certificateRequest
        if let asked = policy.remoteID.asked { payloads.append(.identificationResponder(asked)) }
        if agreed.extensions.postquantum, let keys = policy.postquantumKeys {
            var mixed = agreed
            mixed.mix(keys.keys[0])
            payloads += [
                .authentication(try authentication(mixed, .initiator, policy)),
                PostquantumIdentity.payload(keys.keys[0]),
            ]
            if !keys.isMandatory {
                let without = try authentication(agreed, .initiator, policy)
                payloads.append(.notify(NotifyPayload(.noPPKAuth, data: without.wholeData)))
            }
        } else {
            payloads.append(.authentication(try authentication(agreed, .initiator, policy)))
        }
        if policy.mobility != nil { payloads.append(.notify(NotifyPayload(.mobikeSupported))) }
        if policy.synchronises { payloads.append(.notify(NotifyPayload(.ikev2MessageIDSyncSupported))) }
        if policy.mode == .transport { payloads.append(.notify(NotifyPayload(.useTransportMode))) }
        return payloads + [
            .securityAssociation(SecurityAssociationPayload(policy.childOffer(spi))),
            .trafficSelectorsInitiator(policy.selectors.payload(.local)),
            .trafficSelectorsResponder(policy.selectors.payload(.remote)),
        ]
    }

    /// SK {IDr, [CERT...,] AUTH, [N(PPK_IDENTITY),] ...}, the Child SA's part behind it.
    static func response(
        _ agreed: Agreed, _ policy: SessionPolicy, child: [IKEPayload]
    ) throws(Session.Failure) -> [IKEPayload] {
        let proof = try authentication(agreed, .responder, policy)
        let mixed: [IKEPayload] = agreed.isMixed ? [.notify(NotifyPayload(.ppkIdentity))] : []
        let mobile: [IKEPayload] = agreed.isMobile ? [.notify(NotifyPayload(.mobikeSupported))] : []
        let synchronised: [IKEPayload] =
            agreed.synchronises ? [.notify(NotifyPayload(.ikev2MessageIDSyncSupported))] : []
        return [.identificationResponder(policy.localID)] + certificates(policy) + [.authentication(proof)]
            + mixed + mobile + synchronised + child
    }

    private static func certificates(_ policy: SessionPolicy) -> [IKEPayload] {
        if case .certificate(let credential) = policy.authentication.local { credential.payloads } else { [] }
    }

    private static func authentication(
        _ agreed: Agreed, _ role: IKERole, _ policy: SessionPolicy
    ) throws(Session.Failure) -> AuthenticationPayload {
        switch policy.authentication.local {
        case .sharedKey(let key):
            AuthenticationPayload(.sharedKey, data: agreed.sharedKeyCode(of: role, key, policy.localID))
        case .certificate(let credential):
            try credential.sign(agreed.octets(of: role, policy.localID), for: agreed.peerHashes)
        }
    }

    /// What a peer's proof is worth that is of the right kind.
    enum Finding {
        case proved
        /// Its certificate comes first.
        case certificate(PeerCertificate, AuthenticationPayload)
        case failed(Session.Failure)
    }

    static func look(
        at peer: IdentificationPayload, _ proof: AuthenticationPayload?, _ payloads: [IKEPayload], _ agreed: Agreed,
        _ policy: SessionPolicy
    ) -> Finding {
        let requirement = policy.authentication.remote
        guard let proof, requirement.admits(proof, announced: agreed.announced) else {
            let expected: Session.ProofKind = requirement.certificate == nil ? .sharedKey : .certificate
            return .failed(.method(peer, proof?.method, expected: expected))
        }
        switch requirement {
        case .sharedKey(let key):
            return agreed.isPeer(proof.data, key, peer) ? .proved : .failed(.authentication(peer))
        case .certificate:
            guard let certificate = PeerCertificate(payloads, of: peer, for: policy) else {
                return .failed(.noCertificate(peer))
            }
            return .certificate(certificate, proof)
        }
    }

    /// The rest of the look at a proof by signature, with the verdict on its certificate; nil when it is proved.
    static func failure(
        of judging: Judging, _ verdict: CertificateVerdict, _ policy: SessionPolicy
    ) -> Session.Failure? {
        let (peer, agreed) = (judging.peer, judging.agreed)
        guard let requirement = policy.authentication.remote.certificate else {
            preconditionFailure("only a policy that wants certificates has them judged")
        }
        switch verdict {
        case .refused(let reason): return .certificate(peer, reason)
        case .accepted(let info):
            let key: VerifyingKey
            do { key = try VerifyingKey(publicKeyInfo: info) } catch { return .certificate(peer, "\(error)") }
            let octets = agreed.octets(of: agreed.channel.role.other, peer)
            return requirement.isProof(judging.proof, of: octets, by: key, announced: agreed.announced)
                ? nil : .signature(peer)
        }
    }
}
