/// The words in which operators write algorithms.
struct ProposalWord: Sendable {
    let word: String
    let transform: Proposal.Transform
    /// Which SAs it can be for.
    let protocols: Set<ProtocolID>

    /// Every word. Of several for one transform the first is the one we write.
    static let all: [ProposalWord] = encryption + integrity + pseudorandomFunctions + keyExchanges + sequenceNumbers

    static let byWord = Dictionary(uniqueKeysWithValues: all.map { ($0.word, $0) })
    static let byTransform = Dictionary(all.map { ($0.transform, $0.word) }, uniquingKeysWith: { first, _ in first })

    /// `ke1_` ... `ke7_` before the word of a key exchange make it an additional one (RFC 9370).
    static func named(_ word: String) -> ProposalWord? {
        if let known = byWord[word] { return known }
        guard word.hasPrefix("ke"), let separator = word.firstIndex(of: "_"),
            let round = Int(word[..<separator].dropFirst(2)), (1...7).contains(round)
        else { return nil }
        let rest = String(word[word.index(after: separator)...])
        if rest == "none" {
            return ProposalWord(
                word: word, transform: .additionalKeyExchange(round, .none), protocols: [.ike, .esp])
        }
        guard let method = byWord[rest]?.transform.keyExchange else { return nil }
        return ProposalWord(word: word, transform: .additionalKeyExchange(round, method), protocols: [.ike, .esp])
    }

    /// nil for a transform that has no word.
    static func word(for transform: Proposal.Transform) -> String? {
        guard let method = transform.keyExchange, transform.type != .keyExchange else { return byTransform[transform] }
        guard transform.attributes.isEmpty else { return nil }
        let prefix = "ke\(transform.type.rawValue - 5)_"
        return method == .none ? prefix + "none" : byTransform[.keyExchange(method)].map { prefix + $0 }
    }

    private static func word(
        _ word: String, _ transform: Proposal.Transform, _ protocols: Set<ProtocolID> = [.ike, .esp]
    ) -> ProposalWord {
        ProposalWord(word: word, transform: transform, protocols: protocols)
    }

    private static let encryption: [ProposalWord] =
        aes("gcm16", .aesGCM16) + aes("gcm12", .aesGCM12) + aes("gcm8", .aesGCM8)
        + [word("chacha20poly1305", .encryption(.chacha20Poly1305))]
        + aes("", .aesCBC) + aes("ctr", .aesCTR)
        + aes("ccm16", .aesCCM16) + aes("ccm12", .aesCCM12) + aes("ccm8", .aesCCM8)
        + aes("gmac", .nullAESGMAC, [.esp])
        + [
            word("null", .encryption(.null), [.esp]), word("3des", .encryption(.tripleDES)),
            word("des", .encryption(.des)),
        ]

    private static func aes(
        _ mode: String, _ id: EncryptionID, _ protocols: Set<ProtocolID> = [.ike, .esp]
    ) -> [ProposalWord] {
        ([128, 192, 256] as [UInt16]).map { (bits: UInt16) in
            word("aes\(bits)\(mode)", .encryption(id, keyBits: bits), protocols)
        }
    }

    private static let integrity = [
        word("sha256", .integrity(.hmacSHA256)), word("sha384", .integrity(.hmacSHA384)),
        word("sha512", .integrity(.hmacSHA512)), word("aesxcbc", .integrity(.aesXCBC)),
        word("aescmac", .integrity(.aesCMAC)), word("sha1", .integrity(.hmacSHA1)),
        word("md5", .integrity(.hmacMD5)),
    ]

    private static let pseudorandomFunctions = [
        word("prfsha256", .pseudorandomFunction(.hmacSHA256), [.ike]),
        word("prfsha384", .pseudorandomFunction(.hmacSHA384), [.ike]),
        word("prfsha512", .pseudorandomFunction(.hmacSHA512), [.ike]),
        word("prfaesxcbc", .pseudorandomFunction(.aes128XCBC), [.ike]),
        word("prfaescmac", .pseudorandomFunction(.aes128CMAC), [.ike]),
        word("prfsha1", .pseudorandomFunction(.hmacSHA1), [.ike]),
        word("prfmd5", .pseudorandomFunction(.hmacMD5), [.ike]),
    ]

    private static let keyExchanges: [ProposalWord] = [
        ("x25519", .curve25519), ("curve25519", .curve25519), ("x448", .curve448), ("curve448", .curve448),
        ("ecp256", .ecp256), ("ecp384", .ecp384), ("ecp521", .ecp521), ("ecp224", .ecp224), ("ecp192", .ecp192),
        ("ecp224bp", .brainpoolP224r1), ("ecp256bp", .brainpoolP256r1), ("ecp384bp", .brainpoolP384r1),
        ("ecp512bp", .brainpoolP512r1), ("mlkem512", .mlKEM512), ("mlkem768", .mlKEM768), ("mlkem1024", .mlKEM1024),
        ("modp2048", .modp2048), ("modp3072", .modp3072), ("modp4096", .modp4096), ("modp6144", .modp6144),
        ("modp8192", .modp8192), ("modp1536", .modp1536), ("modp1024", .modp1024), ("modp768", .modp768),
        ("modp1024s160", .modp1024s160), ("modp2048s224", .modp2048s224), ("modp2048s256", .modp2048s256),
    ].map { (name: String, id: KeyExchangeID) in word(name, .keyExchange(id)) }

    private static let sequenceNumbers = [
        word("esn", .sequenceNumbers(.extended), [.esp]), word("noesn", .sequenceNumbers(.plain), [.esp]),
    ]
}
