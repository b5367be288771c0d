internal import Associations
public import ControlPlane

extension CertificateCredential {
    /// Our certificate and, behind it, those that lead from it to the root, in any order, from one source or several; the
    /// private key in PKCS#8, PKCS#1 or SEC 1, not encrypted. A root among them is not sent.
    public init(
        certificates: [CredentialSource], key: CredentialSource, schemes: [SignatureScheme]? = nil
    ) throws(CredentialFault) {
        let signing: SigningKey
        do {
            signing = try SigningKey(SecretBytes(key.bytes))
        } catch {
            let isLocked = String(decoding: key.bytes, as: UTF8.self).contains("ENCRYPTED")
            throw CredentialFault(
                source: key.name, problem: isLocked ? "the key is encrypted" : "\(error)",
                remedy: isLocked
                    ? "decrypt it by \"openssl pkey -in \(key.name) -out FILE\"" : "make or convert it by openssl pkey")
        }
        var known: [KnownCertificate] = []
        for source in certificates { known += try KnownCertificate.read(source) }
        guard let own = known.first(where: { $0.publicKeyInfo == signing.publicKeyInfo }) else {
            throw CredentialFault(
                source: key.name,
                problem: "it is not the key of \(known.first?.name ?? "any certificate")",
                remedy: "name the certificate that was made for this key")
        }
        var chain = [own]
        while let next = known.first(where: { next in
            next.subject == chain[chain.count - 1].issuer && !next.isSelfIssued
                && !chain.contains { $0.der == next.der }
        }) {
            chain.append(next)
        }
        guard chain.count <= PeerCertificate.maximumCount else {
            throw CredentialFault(
                source: certificates[0].name, problem: "the chain has \(chain.count) certificates",
                remedy: "at most \(PeerCertificate.maximumCount) can be sent")
        }
        self.init(chain: chain.map(\.der), key: signing, schemes: schemes)
    }

    /// From files.
    public init(
        certificateFiles: [String], keyFile: String, schemes: [SignatureScheme]? = nil
    ) throws(CredentialFault) {
        var sources: [CredentialSource] = []
        for file in certificateFiles { sources.append(try CredentialSource(file: file)) }
        try self.init(certificates: sources, key: try CredentialSource(file: keyFile), schemes: schemes)
    }
}
