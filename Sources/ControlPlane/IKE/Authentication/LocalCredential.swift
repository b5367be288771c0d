public import Associations

/// How we prove who we are (RFC 7296 §2.15).
public enum LocalCredential: Sendable {
    case sharedKey(SecretBytes)
    case certificate(CertificateCredential)
}

/// A certificate of ours with its private key.
public struct CertificateCredential: Sendable {
    /// DER of X.509, ours first, each signed by the next; the root is not among them. At most
    /// `PeerCertificate.maximumCount`.
    public let chain: [[UInt8]]
    public let key: SigningKey
    /// What we may sign with, the best first. `rsaSHA1` has to be asked for: it is for peers without RFC 7427, which know
    /// nothing else of RSA.
    public let schemes: [SignatureScheme]

    /// Traps when the chain is empty or too long. Whether the key is the certificate's is for who read both to say.
    public init(chain: [[UInt8]], key: SigningKey, schemes: [SignatureScheme]? = nil) {
        precondition((1...PeerCertificate.maximumCount).contains(chain.count))
        self.chain = chain
        self.key = key
        self.schemes = schemes ?? key.kind.schemes.filter { $0 != .rsaSHA1 }
    }

    /// CERT payloads, ours first (RFC 7296 §3.6).
    var payloads: [IKEPayload] { chain.map { .certificate(CertificatePayload(.x509Signature, data: $0)) } }
}

extension CertificateCredential {
    /// The AUTH payload over `octets` for a peer that announced `hashes` (RFC 7427 §4; none of a peer without it).
    func sign(_ octets: [UInt8], for hashes: Set<SignatureHash>) throws(Session.Failure) -> AuthenticationPayload {
        do {
            let usable = schemes.filter { key.kind.schemes.contains($0) }
            for scheme in usable where hashes.contains(scheme.hash) {
                guard let identifier = scheme.algorithmIdentifier else { continue }
                return AuthenticationPayload(
                    digitalSignature: try key.sign(octets, by: scheme), algorithmIdentifier: identifier)
            }
            if let method = key.kind.ecdsaMethod, usable.contains(method.scheme) {
                return AuthenticationPayload(
                    AuthenticationMethod(rawValue: method.number), data: try key.signHalves(octets))
            }
            if hashes.isEmpty, usable.contains(.rsaSHA1) {
                return AuthenticationPayload(.rsaSignature, data: try key.sign(octets, by: .rsaSHA1))
            }
        } catch {
            throw .signing(error)
        }
        throw .noCommonSignature(own: schemes, peer: hashes)
    }
}
