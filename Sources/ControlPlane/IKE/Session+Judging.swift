/// Certificates are judged outside of the session: parsing X.509 and walking chains is no part of IKE.
extension Session {
    /// The verdict on what `Action.judge` asked about. Nothing happens when the session does not wait for one any more.
    public mutating func judged(
        _ verdict: CertificateVerdict, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .judging(let judging) = state else { return [] }
        let failure = AuthExchange.failure(of: judging, verdict, policy)
        switch judging.way {
        case .responding(let answered, let request):
            if let failure { return refuseAuth(answered, NotifyPayload(.authenticationFailed), failure, request) }
            return accept(answered, judging.peer, request, using: &random) + proceed(at: now, using: &random)
        case .initiating(let sent, let payloads):
            if let failure { return tellFailure(sent, failure) }
            return accept(sent, judging.peer, payloads) + proceed(at: now, using: &random)
        }
    }

    /// INITIAL_CONTACT of a peer that has proved who it is (RFC 7296 §2.4).
    static func contact(_ payloads: [IKEPayload], _ peer: IdentificationPayload) -> [Action] {
        payloads.notification(.initialContact) == nil ? [] : [.initialContact(peer)]
    }
}
