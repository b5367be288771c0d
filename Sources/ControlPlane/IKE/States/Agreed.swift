internal import Associations

/// What IKE_SA_INIT left at both ends, and IKE_AUTH needs: the keys, and the messages that AUTH vouches for.
struct Agreed: Sendable {
    var channel: SealedChannel
    let initiatorNonce, responderNonce: [UInt8]
    /// Whole, as they were sent.
    let initRequest, initResponse: [UInt8]
    let nat: NATFinding
    let extensions: Extensions
    /// Both ends speak MOBIKE (RFC 4555).
    var isMobile = false
    /// Both ends go on after a takeover by IKEV2_MESSAGE_ID_SYNC (RFC 6311).
    var synchronises = false
    /// What was negotiated for the IKE SA.
    let proposal: Proposal
    /// What the peer announced by SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4); empty when it did not.
    var peerHashes: Set<SignatureHash> = []
    /// Whether we announced ours.
    var announced = false
    /// Whether a post-quantum key is in the keys, and both AUTH payloads are made with it.
    var isMixed = false
    /// Further key exchanges to be made before IKE_AUTH, each in an IKE_INTERMEDIATE of its own (RFC 9370 §2.2.2).
    var rounds: [KeyExchangeMethod] = []
    var intermediateCode = IntermediateCode()
    /// Of the initiator's next request; in the end that of IKE_AUTH.
    var nextMessageID: UInt32 = 1

    /// What IKE_AUTH said that the peer can do.
    mutating func noteAbilities(_ peer: [IKEPayload], _ policy: SessionPolicy) {
        synchronises = policy.synchronises && peer.notification(.ikev2MessageIDSyncSupported) != nil
        isMobile = policy.mobility != nil && peer.notification(.mobikeSupported) != nil
    }

    /// The keys with one more secret in them; the exchange that brought it went under the old ones.
    mutating func endRound(with secret: SecretBytes) {
        let seed = IKESeed(
            initiatorNonce: initiatorNonce, responderNonce: responderNonce,
            initiatorSPI: channel.initiatorSPI.rawValue, responderSPI: channel.responderSPI.rawValue)
        channel.takeKeys(channel.keys.updated(sharedSecret: secret, seed: seed))
        rounds.removeFirst()
        nextMessageID += 1
    }

    /// The AUTH payload's code of either end under this key.
    func sharedKeyCode(of signer: IKERole, _ secret: SecretBytes, _ identification: IdentificationPayload) -> [UInt8] {
        channel.keys.sharedKeyCode(secret, octets: octets(of: signer, identification))
    }

    func isPeer(_ received: [UInt8], _ secret: SecretBytes, _ identification: IdentificationPayload) -> Bool {
        channel.keys.isSharedKeyCode(received, secret, octets: octets(of: channel.role.other, identification))
    }

    /// What either end's AUTH payload vouches for.
    func octets(of signer: IKERole, _ identification: IdentificationPayload) -> [UInt8] {
        channel.keys.signedOctets(
            of: signer, message: signer == .initiator ? initRequest : initResponse,
            peerNonce: signer == .initiator ? responderNonce : initiatorNonce, identification: identification.body)
            + intermediateCode.octets(authMessageID: nextMessageID)
    }
}
