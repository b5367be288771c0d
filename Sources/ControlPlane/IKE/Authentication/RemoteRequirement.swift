public import Associations

/// How a peer has to prove who it is.
public enum RemoteRequirement: Sendable {
    case sharedKey(SecretBytes)
    case certificate(CertificateRequirement)

    var certificate: CertificateRequirement? {
        if case .certificate(let requirement) = self { requirement } else { nil }
    }

    /// Whether the proof is of the right kind; whether it holds is another question.
    func admits(_ proof: AuthenticationPayload, announced: Bool) -> Bool {
        switch self {
        case .sharedKey: proof.method == .sharedKey
        case .certificate(let requirement): requirement.scheme(of: proof, announced: announced) != nil
        }
    }
}

/// What a peer's certificate and signature have to be. Which authorities are believed, and whether a certificate is one of
/// theirs, is judged outside of the session (`Session.Action.judge`).
public struct CertificateRequirement: Sendable {
    /// Of the believed authorities: SHA-1 over the DER of the SubjectPublicKeyInfo, 20 bytes, as CERTREQ has them
    /// (RFC 7296 §3.7).
    public let authorityKeyHashes: [[UInt8]]
    /// Signatures that are taken. `rsaSHA1` has to be asked for.
    public let schemes: Set<SignatureScheme>

    /// Hashes in one CERTREQ of ours; what is beyond is not asked for, and is believed all the same.
    static let maximumRequested = 16

    public static let defaultSchemes = Set(SignatureScheme.allCases).subtracting([.rsaSHA1])

    /// Traps when a hash has not 20 bytes.
    public init(authorityKeyHashes: [[UInt8]], schemes: Set<SignatureScheme> = Self.defaultSchemes) {
        precondition(authorityKeyHashes.allSatisfy { $0.count == CertificateRequestPayload.hashByteCount })
        self.authorityKeyHashes = authorityKeyHashes
        self.schemes = schemes
    }

    /// The scheme that a proof says to be of; nil when it is none that we take. Method 14 is only for who was told our
    /// hashes (RFC 7427 §4).
    func scheme(of proof: AuthenticationPayload, announced: Bool) -> SignatureScheme? {
        let scheme: SignatureScheme? =
            switch proof.method {
            case .digitalSignature where announced: SignatureScheme(algorithmIdentifier: proof.algorithmIdentifier)
            case .ecdsaP256: .ecdsaSHA256
            case .ecdsaP384: .ecdsaSHA384
            case .ecdsaP521: .ecdsaSHA512
            case .rsaSignature: .rsaSHA1
            default: nil
            }
        return scheme.flatMap { schemes.contains($0) ? $0 : nil }
    }

    /// Whether the proof is a signature of that key over `octets`.
    func isProof(_ proof: AuthenticationPayload, of octets: [UInt8], by key: VerifyingKey, announced: Bool) -> Bool {
        guard let scheme = scheme(of: proof, announced: announced) else { return false }
        guard let method = key.kind.ecdsaMethod, proof.method.rawValue == method.number else {
            // The old ECDSA methods belong to one curve each.
            let isHalves = [.ecdsaP256, .ecdsaP384, .ecdsaP521].contains(proof.method)
            return !isHalves && key.isSignature(proof.data, of: octets, by: scheme)
        }
        return key.isSignature(halves: proof.data, of: octets)
    }

    /// CERTREQ for these authorities; nothing when there are none.
    static func request(_ hashes: [[UInt8]]) -> [IKEPayload] {
        var asked: [[UInt8]] = []
        for hash in hashes where !asked.contains(hash) && asked.count < maximumRequested { asked.append(hash) }
        guard !asked.isEmpty else { return [] }
        return [
            .certificateRequest(CertificateRequestPayload(.x509Signature, authority: Array(asked.joined())))
        ]
    }

    /// What SIGNATURE_HASH_ALGORITHMS says for the signatures that are taken.
    var announcement: NotifyPayload {
        let hashes = SignatureHash.allCases.filter { hash in
            hash != .sha1 && schemes.contains { $0.hash == hash }
        }
        return .signatureHashAlgorithms(hashes.map { SignatureHashID(rawValue: $0.rawValue) })
    }
}
