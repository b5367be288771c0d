public import Associations

/// How many bytes of keys a Child SA's transforms want, for one direction.
public struct ChildKeySizes: Sendable, Hashable {
    /// The cipher's key, without a salt; 0 for none.
    public var encryption: Int
    /// The salt that follows it: 4 with AES-GCM (RFC 4106 §8.1), AES-GMAC (RFC 4543 §5.1), AES-CTR (RFC 3686 §5.1) and
    /// ChaCha20-Poly1305 (RFC 7634 §2), else 0.
    public var salt: Int
    /// The integrity key; 0 with an AEAD.
    public var integrity: Int

    public init(encryption: Int, salt: Int = 0, integrity: Int = 0) {
        self.encryption = encryption
        self.salt = salt
        self.integrity = integrity
    }

    public init(_ transform: Transform) {
        self.init(
            encryption: transform.keyByteCount, salt: transform.saltByteCount,
            integrity: transform.authenticationKeyByteCount)
    }
}

/// The keys of a pair of Child SAs (RFC 7296 §2.17). Initiator and responder are those of the exchange that made the
/// pair, not of the IKE SA.
public struct ChildKeys: Sendable {
    /// The keys of the SA of one direction.
    public struct OneWay: Sendable {
        public let encryption, salt, integrity: SecretBytes
    }

    /// From initiator to responder.
    public let fromInitiator: OneWay
    /// From responder to initiator.
    public let fromResponder: OneWay

    /// KEYMAT = prf+(SK_d, Ni | Nr), or with a key exchange of the Child SA's own, and additional ones,
    /// prf+(SK_d, SK(0) | Ni | Nr | SK(1) | ... | SK(n)) (RFC 7296 §2.17, RFC 9370 §2.2.4).
    ///
    /// The nonces are those of the exchange that makes the pair: of IKE_SA_INIT for the first, of CREATE_CHILD_SA for
    /// any other. Traps when there are additional secrets without a first one.
    public init(
        of parent: IKEKeys, sharedSecret: SecretBytes? = nil, additionalSecrets: [SecretBytes] = [],
        initiatorNonce: [UInt8], responderNonce: [UInt8], sizes: ChildKeySizes
    ) {
        precondition(sharedSecret != nil || additionalSecrets.isEmpty)
        let material = Self.material(
            prf: parent.prf, skD: parent.skD, sharedSecret: sharedSecret, additionalSecrets: additionalSecrets,
            nonces: initiatorNonce + responderNonce, byteCount: 2 * (sizes.encryption + sizes.salt + sizes.integrity))
        let parts = material.split([
            sizes.encryption, sizes.salt, sizes.integrity, sizes.encryption, sizes.salt, sizes.integrity,
        ])
        fromInitiator = OneWay(encryption: parts[0], salt: parts[1], integrity: parts[2])
        fromResponder = OneWay(encryption: parts[3], salt: parts[4], integrity: parts[5])
    }

    /// KEYMAT itself.
    static func material(
        prf: PRF, skD: SecretBytes, sharedSecret: SecretBytes?, additionalSecrets: [SecretBytes], nonces: [UInt8],
        byteCount: Int
    ) -> SecretBytes {
        var seed: [Octets] = [.open(nonces)]
        if let sharedSecret { seed.insert(.secret(sharedSecret), at: 0) }
        seed += additionalSecrets.map { .secret($0) }
        return prf.plus(.secret(skD), seed, byteCount: byteCount)
    }
}
