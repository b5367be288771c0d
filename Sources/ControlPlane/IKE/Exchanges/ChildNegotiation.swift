internal import Associations

/// A Child SA's making: along with the IKE SA in IKE_AUTH (RFC 7296 §1.2), or by CREATE_CHILD_SA (§1.3, §2.9, §2.17).
struct ChildNegotiation: Sendable {
    let policy: SessionPolicy
    /// Of the IKE SA that the exchange goes through.
    let parent: IKEKeys
    var nat: NATFinding
    /// That of the messages: the SAs' outer addresses.
    var path: Path
    /// Ours in the exchange, whoever began the IKE SA.
    let role: IKERole
    let initiatorNonce, responderNonce: [UInt8]
    /// IKE_AUTH has no key exchange for the Child SA, and its nonces are those of IKE_SA_INIT.
    let isFirst: Bool

    enum Outcome {
        /// With what the responder puts into its answer.
        case agreed(ChildAgreement, [IKEPayload])
        case refused(Session.Refusal, NotifyPayload)
    }

    /// In IKE_AUTH.
    init(policy: SessionPolicy, agreed: Agreed, path: Path) {
        self.policy = policy
        self.path = path
        parent = agreed.channel.keys
        nat = agreed.nat
        role = agreed.channel.role
        initiatorNonce = agreed.initiatorNonce
        responderNonce = agreed.responderNonce
        isFirst = true
    }

    /// In CREATE_CHILD_SA.
    init(
        policy: SessionPolicy, _ established: Established, role: IKERole, path: Path, initiatorNonce: [UInt8],
        responderNonce: [UInt8]
    ) {
        self.policy = policy
        self.path = path
        parent = established.channel.keys
        nat = established.nat
        self.role = role
        self.initiatorNonce = initiatorNonce
        self.responderNonce = responderNonce
        isFirst = false
    }

    var ignored: Set<TransformType> {
        isFirst ? Set([.keyExchange] + TransformType.additionalKeyExchanges) : []
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
