import Associations
import ControlPlane
import Credentials
import Wire

/// How both ends show who they are. IKE is AES-128-GCM-16, HMAC-SHA-256 and x25519 in all of them.
enum Proof: String, CaseIterable {
    case psk = "psk-x25519"
    case ecdsa = "ecdsa-p256"
    case rsa = "rsa-2048"
}

/// One responder and any number of initiators, each with a name and a network of its own.
struct Ends {
    static let proposal = "aes128gcm16-prfsha256-x25519"
    static let gatewayName = "gateway.example"
    static let secret = "benchmark preshared key"

    let proof: Proof
    let responder: SessionPolicy
    /// nil with shared keys.
    let judge: CertificateJudge?
    /// What initiators take for the gateway's certificate, without a look at it.
    let gatewayKey: [UInt8]
    private let credentials: [CertificateCredential]
    private let requirement: CertificateRequirement?

    /// `folder` holds root.pem, gateway.pem with gateway.key, and client0.pem with client0.key and so on.
    init(_ proof: Proof, folder: String?, clients: Int = 1) throws {
        self.proof = proof
        guard proof != .psk else {
            (judge, gatewayKey, credentials, requirement) = (nil, [], [], nil)
            responder = try Self.policy(.sharedKey(SecretBytes(Array(Self.secret.utf8))), as: nil)
            return
        }
        guard let folder else { IKEBench.fail("certificates need folder=") }
        let trust = try Trust(authorityFiles: ["\(folder)/root.pem"], revocation: .ignore)
        func credential(_ name: String) throws -> CertificateCredential {
            try CertificateCredential(certificateFiles: ["\(folder)/\(name).pem"], keyFile: "\(folder)/\(name).key")
        }
        let gateway = try credential("gateway")
        judge = CertificateJudge(trust)
        gatewayKey = gateway.key.publicKeyInfo
        credentials = try (0..<clients).map { try credential("client\($0)") }
        requirement = trust.requirement()
        responder = try Self.policy(
            AuthenticationPolicy(local: .certificate(gateway), remote: .certificate(trust.requirement())), as: nil)
    }

    /// What a judge would say of the certificate of the initiator of this number.
    func verdict(on number: Int) -> CertificateVerdict {
        .accepted(publicKeyInfo: credentials[number % credentials.count].key.publicKeyInfo)
    }

    /// Of the initiator of this number.
    func client(_ number: Int) throws -> SessionPolicy {
        guard let requirement else {
            return try Self.policy(.sharedKey(SecretBytes(Array(Self.secret.utf8))), as: number)
        }
        let credential = credentials[number % credentials.count]
        return try Self.policy(
            AuthenticationPolicy(local: .certificate(credential), remote: .certificate(requirement)), as: number,
            named: "client\(number % credentials.count).clients.example")
    }

    /// The gateway's for nil.
    private static func policy(
        _ authentication: AuthenticationPolicy, as client: Int?, named name: String? = nil
    ) throws -> SessionPolicy {
        func id(_ name: String) -> IdentificationPayload { IdentificationPayload(.fqdn, data: Array(name.utf8)) }
        let behindGateway = [AddressRange("10.2.0.0/16")!]
        guard let client else {
            return try SessionPolicy(
                name: "gateway", proposals: [proposal], childProposals: ["aes128gcm16"], localID: id(gatewayName),
                remoteID: .below(domain: "clients.example"), authentication: authentication,
                selectors: TrafficSelectors(remote: [AddressRange("10.64.0.0/10")!], local: behindGateway))
        }
        let inner = IPAddress(v4: 0x0A40_0001 + UInt32(client))
        return try SessionPolicy(
            name: "client", proposals: [proposal], childProposals: ["aes128gcm16"],
            localID: id(name ?? "client\(client).clients.example"), remoteID: .exact(id(gatewayName)),
            authentication: authentication,
            selectors: TrafficSelectors(remote: behindGateway, local: [AddressRange(first: inner, last: inner)]))
    }
}
