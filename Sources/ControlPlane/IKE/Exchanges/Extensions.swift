/// What both ends said in IKE_SA_INIT that they can do beyond RFC 7296, and so may do.
struct Extensions: Sendable, Hashable {
    /// RFC 7383.
    var fragments: Bool
    /// RFC 9242, for the further key exchanges of RFC 9370.
    var intermediate: Bool
    /// RFC 8784.
    var postquantum: Bool
    /// The peer goes to another gateway when it is told to (RFC 5685).
    var redirects: Bool

    /// What an initiator says, and one that comes from another gateway.
    static func announced(by policy: SessionPolicy, after redirected: Redirected?) -> [NotifyPayload] {
        var types: [NotifyType] = []
        if policy.datagramByteCount != nil { types.append(.ikev2FragmentationSupported) }
        if policy.hasAdditionalKeyExchanges { types.append(.intermediateExchangeSupported) }
        if policy.postquantumKeys != nil { types.append(.usePPK) }
        let announced = types.map { NotifyPayload($0) }
        guard policy.maximumRedirects > 0 else { return announced }
        let origin = redirected.map { NotifyPayload(.redirectedFrom, data: $0.from.data()) }
        return announced + [origin ?? NotifyPayload(.redirectSupported)]
    }

    /// Neither said anything.
    static let none = Extensions(
        fragments: false, intermediate: false, postquantum: false, redirects: false)

    private init(fragments: Bool, intermediate: Bool, postquantum: Bool, redirects: Bool) {
        self.redirects = redirects
        self.fragments = fragments
        self.intermediate = intermediate
        self.postquantum = postquantum
    }

    /// Of what the peer says, that which we can too.
    init(_ peer: [IKEPayload], _ policy: SessionPolicy) {
        fragments = policy.datagramByteCount != nil && peer.notification(.ikev2FragmentationSupported) != nil
        intermediate = policy.hasAdditionalKeyExchanges && peer.notification(.intermediateExchangeSupported) != nil
        postquantum = policy.postquantumKeys != nil && peer.notification(.usePPK) != nil
        redirects = peer.notification(.redirectSupported) != nil || peer.notification(.redirectedFrom) != nil
    }

    /// What a responder says to an initiator's offer, of which it chose `suite`.
    func answer(_ suite: IKESuite) -> [NotifyPayload] {
        var types: [NotifyType] = []
        if fragments { types.append(.ikev2FragmentationSupported) }
        if !suite.additional.isEmpty { types.append(.intermediateExchangeSupported) }
        if postquantum { types.append(.usePPK) }
        return types.map { NotifyPayload($0) }
    }
}

extension SessionPolicy {
    var hasAdditionalKeyExchanges: Bool {
        proposals.contains { proposal in
            proposal.transforms.contains { $0.type.isAdditionalKeyExchange && $0.id != 0 }
        }
    }
}

extension Proposal {
    /// What it offers to who cannot make further key exchanges: for each none, where it lets it be none (RFC 9370 §2.2.1).
    var withoutAdditionalKeyExchanges: Proposal {
        var proposal = self
        proposal.transforms.removeAll { $0.type.isAdditionalKeyExchange && $0.id != 0 }
        let kept = Set(proposal.transforms.map(\.type))
        // What cannot be left out makes the proposal one that nobody takes.
        return Set(transforms.map(\.type)) == kept ? proposal : Proposal(number: number, protocolID, spi: spi, [])
    }
}
