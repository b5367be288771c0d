internal import Associations

/// A successor of an IKE SA as the ends agreed on it, before its keys are made (RFC 7296 §2.18).
struct SuccessorAgreement: FollowedUp {
    let suite: IKESuite
    let sharedSecret: SecretBytes
    let seed: IKESeed
    /// Ours in the exchange that makes it.
    let role: IKERole

    var rounds: [KeyExchangeMethod] { suite.additional }
    var ownSPI: IKESPI { IKESPI(rawValue: role == .initiator ? seed.initiatorSPI : seed.responderSPI) }
    /// What collisions are decided by.
    var lowestNonce: [UInt8] { ControlPlane.lowestNonce(seed.initiatorNonce, seed.responderNonce) }

    /// The IKE SA itself, with the secrets of the further key exchanges (RFC 9370 §2.2.4).
    func channel(after old: SealedChannel, _ additionalSecrets: [SecretBytes] = []) -> SealedChannel {
        precondition(additionalSecrets.count == rounds.count, "every round has its secret")
        let keys = old.keys.successor(
            sharedSecret: sharedSecret, additionalSecrets: additionalSecrets, prf: suite.prf,
            protection: suite.protection, seed: seed)
        return SealedChannel(
            initiatorSPI: IKESPI(rawValue: seed.initiatorSPI), responderSPI: IKESPI(rawValue: seed.responderSPI),
            role: role, keys: keys, fragmentLimit: old.fragmentLimit)
    }
}
