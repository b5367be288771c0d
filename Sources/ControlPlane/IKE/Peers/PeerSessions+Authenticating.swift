internal import Associations

/// What comes of proofs by certificates, and of peers that begin anew.
extension PeerSessions {
    /// The verdict on what the effect `judge` asked about. Nothing happens when the session is gone.
    public mutating func judged(
        _ verdict: CertificateVerdict, for id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard entries[id] != nil else { return [] }
        let actions = entries[id]!.session.judged(verdict, at: now, using: &random)
        return perform(actions, of: id, at: now, using: &random)
    }

    /// The peer has forgotten the other IKE SAs that it had with this identity of ours (RFC 7296 §2.4): nobody is told.
    mutating func displace(of peer: IdentificationPayload, by id: ID, at now: UInt64) -> [Effect] {
        let policy = entries[id]!.session.policy
        let acquaintance = Acquaintance(peer: peer, own: policy.localID)
        var effects: [Effect] = []
        for other in acquaintances[acquaintance, default: []].sorted() where other != id {
            effects += log(other, "the peer began anew", at: now)
            // Not lost, as far as the new one stands for the same connection.
            if let place = entries[other]!.stands, connections[place].policy.name == policy.name {
                stand(id, for: place)
            }
            effects += end(other, at: now)
            forget(other)
        }
        return effects
    }
}
