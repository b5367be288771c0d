/// The DER of AlgorithmIdentifiers (RFC 7427 appendix A), and the AUTH data that they begin.
extension SignatureScheme {
    /// AUTH method 14, "Digital Signature" (RFC 7427 §3).
    public static let authenticationMethod: UInt8 = 14

    /// What we send; nil for `rsaSHA1`.
    public var algorithmIdentifier: [UInt8]? { Self.proper[self] }

    private static let proper = Dictionary(
        uniqueKeysWithValues: allCases.compactMap { scheme in scheme.identifiers.first.map { (scheme, $0) } })
    private static let known = Dictionary(
        uniqueKeysWithValues: allCases.flatMap { scheme in scheme.identifiers.map { ($0, scheme) } })

    /// The scheme of a peer's identifier, nil for one that we have not. Hashes inside PSS parameters may come with NULL
    /// parameters or without, and so may those of PKCS#1 (RFC 4055 §2.1).
    public init?(algorithmIdentifier: [UInt8]) {
        guard let found = Self.known[algorithmIdentifier] else { return nil }
        self = found
    }

    /// AUTH data of method 14: one octet of length, the AlgorithmIdentifier, the signature. Traps for `rsaSHA1`.
    public func authenticationData(signature: [UInt8]) -> [UInt8] {
        guard let identifier = algorithmIdentifier else { preconditionFailure("\(rawValue) has no identifier") }
        return [UInt8(identifier.count)] + identifier + signature
    }

    /// The parts of such data; nil when it is too short or names a scheme that we have not.
    public static func parse(authenticationData data: [UInt8]) -> (scheme: SignatureScheme, signature: [UInt8])? {
        guard let count = data.first.map(Int.init), data.count > 1 + count,
            let scheme = SignatureScheme(algorithmIdentifier: Array(data[1..<1 + count]))
        else { return nil }
        return (scheme, Array(data[(1 + count)...]))
    }

    /// Every encoding that we accept, the proper one first.
    private var identifiers: [[UInt8]] {
        let null: [UInt8] = [5, 0]
        switch family {
        case .ed25519: return [DER.sequence(DER.object([0x2B, 0x65, 0x70]))]
        case .ecdsa: return [DER.sequence(DER.object(DER.ecdsaWithSHA2 + [hash.arc + 1]))]
        case .rsaPKCS1:
            guard hash != .sha1 else { return [] }
            let name = DER.object(DER.pkcs1 + [10 + hash.arc])
            return [DER.sequence(name + null), DER.sequence(name)]
        case .rsaPSS:
            return [null, []].flatMap { outer in
                [null, []].map { inner in
                    DER.sequence(DER.object(DER.pkcs1 + [10]) + pssParameters(outer, inner))
                }
            }
        }
    }

    /// RSASSA-PSS-params (RFC 4055 §3.1): [0] hash, [1] MGF1 with a hash, [2] bytes of salt.
    private func pssParameters(_ outer: [UInt8], _ inner: [UInt8]) -> [UInt8] {
        let name = DER.object(DER.sha2 + [hash.arc])
        let generator = DER.sequence(DER.object(DER.pkcs1 + [8]) + DER.sequence(name + inner))
        return DER.sequence(
            DER.tagged(0xA0, DER.sequence(name + outer)) + DER.tagged(0xA1, generator)
                + DER.tagged(0xA2, [2, 1, hash.byteCount]))
    }
}

extension SignatureHash {
    /// The last number of id-sha256 (1), id-sha384 (2), id-sha512 (3).
    fileprivate var arc: UInt8 { UInt8(rawValue) - 1 }
    fileprivate var byteCount: UInt8 { [1: 32, 2: 48, 3: 64][arc] ?? 0 }
}

/// As much of DER as these constants need: everything shorter than 128 bytes.
private enum DER {
    static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { [tag, UInt8(content.count)] + content }
    static func sequence(_ content: [UInt8]) -> [UInt8] { tagged(0x30, content) }
    static func object(_ identifier: [UInt8]) -> [UInt8] { tagged(6, identifier) }

    /// 1.2.840.113549.1.1
    static let pkcs1: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1]
    /// 1.2.840.10045.4.3
    static let ecdsaWithSHA2: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3]
    /// 2.16.840.1.101.3.4.2
    static let sha2: [UInt8] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2]
}
