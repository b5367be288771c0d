internal import Associations

/// A Child SA as the ends agreed on it, before its keys are made.
struct ChildAgreement: FollowedUp {
    var negotiation: ChildNegotiation
    let spis: ChildSPIs
    let transform: Associations.Transform
    let hasESN: Bool
    let selectors: TrafficSelectors
    /// Of its own key exchange; nil without one.
    let sharedSecret: SecretBytes?
    let rounds: [KeyExchangeMethod]

    /// nil for further key exchanges that we have not, or without a first one.
    init?(
        _ negotiation: ChildNegotiation, _ spis: ChildSPIs, _ choice: Proposal, _ selectors: TrafficSelectors,
        sharedSecret: SecretBytes?
    ) {
        guard let transform = Associations.Transform(choice), let rounds = choice.additionalMethods,
            rounds.isEmpty || sharedSecret != nil
        else { return nil }
        self.negotiation = negotiation
        self.spis = spis
        self.transform = transform
        hasESN = choice.hasESN
        self.selectors = selectors
        self.sharedSecret = sharedSecret
        self.rounds = rounds
    }

    /// Its two SAs, with the secrets of the further key exchanges (RFC 9370 §2.2.4).
    func associations(_ additionalSecrets: [SecretBytes] = []) -> ChildSecurityAssociations {
        precondition(additionalSecrets.count == rounds.count, "every round has its secret")
        let (policy, path, nat) = (negotiation.policy, negotiation.path, negotiation.nat)
        let keys = ChildKeys(
            of: negotiation.parent, sharedSecret: sharedSecret, additionalSecrets: additionalSecrets,
            initiatorNonce: negotiation.initiatorNonce, responderNonce: negotiation.responderNonce,
            sizes: ChildKeySizes(transform))
        let encapsulation =
            nat.isFound ? UDPEncapsulation(remotePort: path.remote.port, localPort: path.local.port) : nil
        func association(_ spi: SPI, _ direction: Direction, _ keys: ChildKeys.OneWay) -> SecurityAssociation {
            var association = SecurityAssociation(
                name: policy.name, spi: spi, direction: direction, mode: policy.mode,
                source: direction == .inbound ? path.remote.address : path.local.address,
                destination: direction == .inbound ? path.local.address : path.remote.address,
                transform: transform, key: keys.encryption, salt: keys.salt, selectors: selectors,
                replayWindow: policy.replayWindow, udpEncapsulation: encapsulation, authenticationKey: keys.integrity)
            association.hasESN = hasESN
            return association
        }
        let isInitiator = negotiation.role == .initiator
        return ChildSecurityAssociations(
            inbound: association(spis.inbound, .inbound, isInitiator ? keys.fromResponder : keys.fromInitiator),
            outbound: association(spis.outbound, .outbound, isInitiator ? keys.fromInitiator : keys.fromResponder),
            resource: nil)
    }

    /// Between the ends as they are now.
    mutating func relocate(_ established: Established) {
        negotiation.path = established.path
        negotiation.nat = established.nat
    }
}
