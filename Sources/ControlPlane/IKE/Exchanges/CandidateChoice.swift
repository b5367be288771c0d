/// Which of a responder's policies a peer is held to.
enum CandidateChoice {
    /// For a first message: the first whose proposals have something in common with the offer.
    static func choose(
        from candidates: [SessionPolicy], _ payloads: [IKEPayload], _ offers: [Proposal]
    ) -> (policy: SessionPolicy, extensions: Extensions, proposal: Proposal, suite: IKESuite)? {
        for policy in candidates {
            var extensions = Extensions(payloads, policy)
            let takeable = extensions.intermediate ? offers : offers.map(\.withoutAdditionalKeyExchanges)
            guard let proposal = ProposalChoice.choose(from: takeable, by: policy.proposals),
                let suite = IKESuite(proposal)
            else { continue }
            // Whose post-quantum key it will be is not known yet.
            extensions.postquantum = candidates.contains { Extensions(payloads, $0).postquantum }
            return (policy, extensions, proposal, suite)
        }
        return nil
    }

    /// So many shared keys are tried for one IKE_AUTH.
    static let maximumSharedKeys = 16

    /// For IKE_AUTH: the first that lets the peer be who it says to be, that is whom it asks for, that takes its way of
    /// proving it, and that would have taken the IKE SA's proposal. Of several with shared keys the one whose key it is.
    static func choose(
        from candidates: [SessionPolicy], _ payloads: [IKEPayload], of peer: IdentificationPayload, _ agreed: Agreed
    ) throws(Session.Failure) -> SessionPolicy {
        let asked = payloads.identificationResponder
        let proof = payloads.authentication
        let fitting = candidates.filter { policy in
            policy.remoteID.allows(peer) && (asked == nil || asked == policy.localID)
                && proof.map { policy.authentication.remote.admits($0, announced: agreed.announced) } == true
                && ProposalChoice.choose(from: [agreed.proposal], by: policy.proposals) != nil
        }
        if let first = fitting.first { return keyed(fitting, payloads, of: peer, agreed) ?? first }
        guard candidates.count == 1 else { throw .noCandidate(peer, askedFor: asked, proof?.method) }
        // One policy: what of it does not fit can be said.
        let only = candidates[0]
        if !only.remoteID.allows(peer) { throw .identification(peer, expected: only.remoteID) }
        if let asked, asked != only.localID { throw .askedFor(asked, we: only.localID) }
        // The rest is the look at the proof.
        return only
    }

    /// The first whose shared key the peer has shown; all are tried, so that nobody can measure which it is.
    private static func keyed(
        _ fitting: [SessionPolicy], _ payloads: [IKEPayload], of peer: IdentificationPayload, _ agreed: Agreed
    ) -> SessionPolicy? {
        guard fitting.count > 1 else { return nil }
        var found: SessionPolicy?
        for policy in fitting.prefix(maximumSharedKeys) where policy.authentication.remote.certificate == nil {
            guard let (mixed, proof) = PostquantumChoice.answer(payloads, agreed, policy) else { continue }
            if case .proved = AuthExchange.look(at: peer, proof, payloads, mixed, policy) { found = found ?? policy }
        }
        return found
    }
}
