public import Associations

/// How the ends of a connection prove who they are, each in its own way.
public struct AuthenticationPolicy: Sendable {
    public var local: LocalCredential
    public var remote: RemoteRequirement

    public init(local: LocalCredential, remote: RemoteRequirement) {
        self.local = local
        self.remote = remote
    }

    var hasCertificate: Bool {
        if case .certificate = local { true } else { remote.certificate != nil }
    }

    /// One secret for both ends.
    public static func sharedKey(_ key: SecretBytes) -> AuthenticationPolicy {
        AuthenticationPolicy(local: .sharedKey(key), remote: .sharedKey(key))
    }
}

extension [SessionPolicy] {
    /// What IKE_SA_INIT says for authentication by certificates: the hashes of the signatures that we take. Also where only
    /// we have one, as a responder announces its own only to who did.
    var signatureAnnouncement: [NotifyPayload] {
        guard contains(where: { $0.authentication.hasCertificate }) else { return [] }
        let taken = compactMap(\.authentication.remote.certificate?.schemes)
        let schemes = taken.isEmpty ? CertificateRequirement.defaultSchemes : taken.reduce([]) { $0.union($1) }
        return [CertificateRequirement(authorityKeyHashes: [], schemes: schemes).announcement]
    }

    /// The authorities that any of them believes, as a CERTREQ.
    var certificateRequest: [IKEPayload] {
        CertificateRequirement.request(flatMap { $0.authentication.remote.certificate?.authorityKeyHashes ?? [] })
    }
}

extension [IKEPayload] {
    /// The hashes of SIGNATURE_HASH_ALGORITHMS that we know; SHA-1 is none of them.
    var signatureHashes: Set<SignatureHash> {
        let announced = notification(.signatureHashAlgorithms)?.signatureHashes ?? []
        return Set(announced.compactMap { SignatureHash(rawValue: $0.rawValue) }).subtracting([.sha1])
    }
}
