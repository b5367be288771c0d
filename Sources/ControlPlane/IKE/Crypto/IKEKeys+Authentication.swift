public import Associations

/// What the AUTH payloads are made of (RFC 7296 §2.15).
extension IKEKeys {
    /// The octets that `signer` signs: RealMessage | NonceData of the other | prf(SK_p, RestOfIDPayload).
    ///
    /// - message: the signer's whole first message, from the IKE header on, as it was sent (of a responder that asked
    ///   for a cookie or for another group, the last one), without a non-ESP marker.
    /// - peerNonce: the contents of the other's Nonce payload.
    /// - identification: the contents of the signer's ID payload behind the generic header: type, three zero bytes, data.
    public func signedOctets(
        of signer: IKERole, message: [UInt8], peerNonce: [UInt8], identification: [UInt8]
    ) -> [UInt8] {
        let key = signer == .initiator ? skPi : skPr
        return message + peerNonce + prf(.secret(key), [.open(identification)]).disclosed
    }

    /// The AUTH data of a shared key: prf(prf(secret, "Key Pad for IKEv2"), octets).
    public func sharedKeyCode(_ secret: SecretBytes, octets: [UInt8]) -> [UInt8] {
        code(secret, octets).disclosed
    }

    /// Whether the peer knows the shared key; takes as long for a wrong code as for the right one.
    public func isSharedKeyCode(_ received: [UInt8], _ secret: SecretBytes, octets: [UInt8]) -> Bool {
        isSame(received, code(secret, octets).disclosed)
    }

    private func code(_ secret: SecretBytes, _ octets: [UInt8]) -> SecretBytes {
        prf(.secret(prf(.secret(secret), [.open(Array("Key Pad for IKEv2".utf8))])), [.open(octets)])
    }
}
