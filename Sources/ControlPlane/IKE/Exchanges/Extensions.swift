/// What both ends said in IKE_SA_INIT that they can do beyond RFC 7296, and so may do.
struct Extensions: Sendable, Hashable {
    /// RFC 7383.
    var fragments = false

    /// What an initiator says.
    static func announced(by policy: SessionPolicy) -> [NotifyPayload] {
        policy.datagramByteCount == nil ? [] : [NotifyPayload(.ikev2FragmentationSupported)]
    }

    /// Of what the peer says, that which we can too.
    init(_ peer: [IKEPayload], _ policy: SessionPolicy) {
        fragments = policy.datagramByteCount != nil && peer.notification(.ikev2FragmentationSupported) != nil
    }

    /// What a responder says to an initiator's offer.
    var answer: [NotifyPayload] { fragments ? [NotifyPayload(.ikev2FragmentationSupported)] : [] }
}
