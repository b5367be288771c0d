internal import Associations

/// What becomes of a peer's PPK_IDENTITY and NO_PPK_AUTH (RFC 8784 §3).
enum PostquantumChoice {
    /// The responder's: what IKE_AUTH's proof is to be held against. nil when the policy wants a key that it does not get.
    static func answer(
        _ payloads: [IKEPayload], _ agreed: Agreed, _ policy: SessionPolicy
    ) -> (agreed: Agreed, proof: AuthenticationPayload?)? {
        var (agreed, proof) = (agreed, payloads.authentication)
        if agreed.extensions.postquantum, let shown = payloads.notification(.ppkIdentity) {
            if let key = PostquantumIdentity.key(named: shown.data, of: policy.postquantumKeys) {
                agreed.mix(key)
                return (agreed, proof)
            }
            // AUTH is made with a key that we have not; the same without it may be there too.
            proof = proof.flatMap { proof in
                payloads.notification(.noPPKAuth).flatMap { AuthenticationPayload(proof.method, wholeData: $0.data) }
            }
        }
        return policy.postquantumKeys?.isMandatory == true ? nil : (agreed, proof)
    }

    /// The initiator's; nil when the peer answers without the key that the policy wants.
    static func conclude(_ payloads: [IKEPayload], _ agreed: Agreed, _ policy: SessionPolicy) -> Agreed? {
        guard let keys = policy.postquantumKeys, agreed.extensions.postquantum,
            payloads.notification(.ppkIdentity) != nil
        else { return policy.postquantumKeys?.isMandatory == true ? nil : agreed }
        var agreed = agreed
        agreed.mix(keys.keys[0])
        return agreed
    }
}

extension Agreed {
    /// From now on with this key.
    mutating func mix(_ key: PostquantumKeys.Key) {
        channel.mix(ppk: key.secret)
        isMixed = true
    }
}
