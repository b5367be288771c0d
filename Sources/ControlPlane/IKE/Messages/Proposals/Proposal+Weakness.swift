extension Proposal.Transform {
    /// What RFC 8247 and RFC 8221 have (or are about to have) nobody use any more, and ENCR_NULL, which hides nothing:
    /// taken only where an operator asks for it by name.
    public var isWeak: Bool {
        switch type {
        case .encryption: [.des, .tripleDES, .null].contains(EncryptionID(rawValue: id))
        case .pseudorandomFunction: [.hmacMD5, .hmacSHA1].contains(PseudorandomFunctionID(rawValue: id))
        case .integrity: [.hmacMD5, .hmacSHA1].contains(IntegrityID(rawValue: id))
        default: keyExchange?.isWeak ?? false
        }
    }
}

extension KeyExchangeID {
    /// Groups of less than 112 bits of strength, and those of RFC 5114, whose origin is in doubt (RFC 8247 §2.4).
    public var isWeak: Bool {
        switch self {
        case .modp768, .modp1024, .modp1536, .modp1024s160, .modp2048s224, .modp2048s256, .ecp192: true
        default: false
        }
    }
}

extension Proposal {
    /// Whether any choice from it would be a weak one somewhere.
    public var isWeak: Bool { transforms.contains(where: \.isWeak) }

    /// For people: the words of those that make it weak.
    public var weakWords: [String] { transforms.filter(\.isWeak).map(\.word) }
}
