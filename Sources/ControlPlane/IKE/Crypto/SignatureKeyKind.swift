/// The kinds of keys that sign AUTH payloads.
public enum SignatureKeyKind: Sendable, Hashable {
    case rsa(bits: Int)
    case ecdsaP256, ecdsaP384, ecdsaP521, ed25519

    /// Moduli that are accepted; shorter ones are weak, longer ones a way to keep us busy.
    public static let rsaBits = 2048...8192

    /// What such a key can sign with, the best first.
    public var schemes: [SignatureScheme] {
        switch self {
        case .rsa: [.rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512, .rsaSHA256, .rsaSHA384, .rsaSHA512, .rsaSHA1]
        case .ecdsaP256: [.ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512]
        case .ecdsaP384: [.ecdsaSHA384, .ecdsaSHA512, .ecdsaSHA256]
        case .ecdsaP521: [.ecdsaSHA512, .ecdsaSHA384, .ecdsaSHA256]
        case .ed25519: [.ed25519]
        }
    }

    /// The best scheme that a peer understands who announced these hashes; nil when there is none. Never SHA-1.
    public func scheme(peerHashes: some Sequence<SignatureHash>) -> SignatureScheme? {
        let hashes = Set(peerHashes)
        return schemes.first { hashes.contains($0.hash) && $0 != .rsaSHA1 }
    }

    /// The AUTH method of RFC 4754 (9, 10, 11) with its scheme and the bytes of each half of its signature, for peers
    /// without RFC 7427; nil for another kind of key.
    public var ecdsaMethod: (number: UInt8, scheme: SignatureScheme, halfByteCount: Int)? {
        switch self {
        case .ecdsaP256: (9, .ecdsaSHA256, 32)
        case .ecdsaP384: (10, .ecdsaSHA384, 48)
        case .ecdsaP521: (11, .ecdsaSHA512, 66)
        case .rsa, .ed25519: nil
        }
    }
}

public enum SignatureFailure: Error, Hashable, CustomStringConvertible {
    /// Neither PEM nor DER of a key, or an encrypted one.
    case notAKey
    /// A key, but none of the kinds that we use: another curve, a modulus of a length that is not accepted.
    case unsupportedKey(bits: Int)
    /// The scheme belongs to another kind of key.
    case unfit(SignatureScheme)
    /// OpenSSL refused to sign.
    case refused

    public var description: String {
        switch self {
        case .notAKey: "this is not an unencrypted key in PEM or DER"
        case .unsupportedKey(let bits):
            "a key of this kind (\(bits) bits) is not used: RSA from \(SignatureKeyKind.rsaBits.lowerBound) to "
                + "\(SignatureKeyKind.rsaBits.upperBound) bits, ECDSA P-256, P-384, P-521, or Ed25519"
        case .unfit(let scheme): "the key cannot sign by \(scheme.rawValue)"
        case .refused: "the key refused to sign"
        }
    }
}
