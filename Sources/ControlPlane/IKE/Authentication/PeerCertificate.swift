/// What a peer shows for who it is, to be judged before its signature is looked at. It came under the protection of the
/// IKE SA, and nothing more is known of it.
public struct PeerCertificate: Sendable, Hashable {
    /// Certificates of one peer, and of ours.
    public static let maximumCount = 8

    /// The name of the policy that wants to know.
    public var policy: String
    /// What the peer's certificate has to vouch for.
    public var identification: IdentificationPayload
    /// DER of X.509 as it came, the peer's own first (RFC 7296 §3.6), the others in no order; 1 to `maximumCount`.
    public var certificates: [[UInt8]]

    public init(policy: String, identification: IdentificationPayload, certificates: [[UInt8]]) {
        self.policy = policy
        self.identification = identification
        self.certificates = certificates
    }

    /// nil when there is none among the payloads, or more than `maximumCount`. Encodings other than X.509 are passed over.
    init?(_ payloads: [IKEPayload], of peer: IdentificationPayload, for policy: SessionPolicy) {
        let certificates = payloads.certificates.filter { $0.encoding == .x509Signature }.map(\.data)
        guard (1...Self.maximumCount).contains(certificates.count) else { return nil }
        self.init(policy: policy.name, identification: peer, certificates: certificates)
    }
}

/// What was found of a `PeerCertificate`.
public enum CertificateVerdict: Sendable, Hashable {
    /// It is believed, and vouches for the identification; the DER of its SubjectPublicKeyInfo.
    case accepted(publicKeyInfo: [UInt8])
    /// Why not, in an operator's words.
    case refused(String)
}
