import Associations

@testable import ControlPlane

/// Authentication by certificates where what is judged is not X.509: a "certificate" is the SubjectPublicKeyInfo itself,
/// and the judge takes it as it is. Real ones are for the tests of Credentials.
enum CertificateSample {
    static let keys = ["rsa2048", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"]

    static func credential(_ key: String, schemes: [SignatureScheme]? = nil) throws -> CertificateCredential {
        guard let key = try SignatureTests.keys()[key] else { preconditionFailure("no such key") }
        return CertificateCredential(
            chain: [key.publicKeyInfo, [UInt8](repeating: 0x30, count: 700)], key: key, schemes: schemes)
    }

    static func requirement(_ schemes: Set<SignatureScheme> = CertificateRequirement.defaultSchemes)
        -> CertificateRequirement
    {
        CertificateRequirement(authorityKeyHashes: [[UInt8](repeating: 0xCA, count: 20)], schemes: schemes)
    }

    static let judge: @Sendable (PeerCertificate) -> CertificateVerdict = {
        .accepted(publicKeyInfo: $0.certificates[0])
    }
}

extension SessionPolicy {
    /// As `sample`, with a certificate of this key, or with the shared key where it is nil; messages go in one piece.
    static func signing(
        _ end: SessionPair.End, own: String?, peer: String?, schemes: [SignatureScheme]? = nil,
        taken: Set<SignatureScheme> = CertificateRequirement.defaultSchemes
    ) throws -> SessionPolicy {
        var policy = try sample(end)
        policy.datagramByteCount = nil
        if let own {
            policy.authentication.local = .certificate(try CertificateSample.credential(own, schemes: schemes))
        }
        if peer != nil { policy.authentication.remote = .certificate(CertificateSample.requirement(taken)) }
        return policy
    }
}

extension SessionPair {
    /// Begins anew with datagrams of this many bytes, or without fragments.
    mutating func cut(to byteCount: Int?) {
        var policies = [initiator.policy, responder.policy]
        for index in policies.indices { policies[index].datagramByteCount = byteCount }
        initiator = Session(policies[0])
        responder = Session(policies[1])
    }

    /// Two ends with keys of these kinds, nil for the shared key.
    static func signing(_ mine: String?, _ theirs: String?, seed: UInt64 = 1) throws -> SessionPair {
        var pair = SessionPair(
            try .signing(.initiator, own: mine, peer: theirs), try .signing(.responder, own: theirs, peer: mine),
            seed: seed)
        pair.judge = CertificateSample.judge
        return pair
    }
}
