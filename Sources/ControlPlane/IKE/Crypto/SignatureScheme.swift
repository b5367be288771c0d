/// A signature algorithm of IKE's AUTH payloads, as RFC 7427 names it by an AlgorithmIdentifier.
public enum SignatureScheme: String, Sendable, Hashable, CaseIterable {
    /// RSASSA-PSS, MGF1 with the same hash, a salt as long as the hash.
    case rsaPSSSHA256, rsaPSSSHA384, rsaPSSSHA512
    /// RSASSA-PKCS1-v1_5.
    case rsaSHA256, rsaSHA384, rsaSHA512
    /// The curve is the key's; RFC 7427 does not tie it to the hash.
    case ecdsaSHA256, ecdsaSHA384, ecdsaSHA512
    /// RFC 8420.
    case ed25519
    /// Of the old AUTH method 1; only for who asks for it by name (RFC 8247 §3.1). It has no place in RFC 7427's data
    /// here.
    case rsaSHA1

    public enum Family: Sendable, Hashable { case rsaPSS, rsaPKCS1, ecdsa, ed25519 }

    public var family: Family {
        switch self {
        case .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512: .rsaPSS
        case .rsaSHA256, .rsaSHA384, .rsaSHA512, .rsaSHA1: .rsaPKCS1
        case .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512: .ecdsa
        case .ed25519: .ed25519
        }
    }

    public var hash: SignatureHash {
        switch self {
        case .rsaSHA1: .sha1
        case .rsaPSSSHA256, .rsaSHA256, .ecdsaSHA256: .sha256
        case .rsaPSSSHA384, .rsaSHA384, .ecdsaSHA384: .sha384
        case .rsaPSSSHA512, .rsaSHA512, .ecdsaSHA512: .sha512
        case .ed25519: .identity
        }
    }
}

/// The hash functions of the SIGNATURE_HASH_ALGORITHMS notification; raw values are IANA's.
public enum SignatureHash: UInt16, Sendable, Hashable, CaseIterable {
    case sha1 = 1
    case sha256, sha384, sha512
    /// The message itself (RFC 8420).
    case identity
}
