import Associations
import Configuration
import ControlPlane
import Credentials
import Foundation

/// Who says, of each connection, which certificates are believed.
struct CertificateJudges: Sendable {
    private var judges: [String: CertificateJudge] = [:]

    mutating func add(_ trust: Trust, for connection: String) { judges[connection] = CertificateJudge(trust) }

    /// Answers later, on a thread of Swift's own: a judgement is a few signatures and no waiting.
    func judge(_ certificate: PeerCertificate, _ answer: @escaping @Sendable (CertificateVerdict) -> Void) {
        guard let judge = judges[certificate.policy] else {
            return answer(.refused("connection \(certificate.policy) takes no certificates"))
        }
        Task {
            answer(await judge.judge(certificate, at: Int64(Date().timeIntervalSince1970)))
        }
    }
}

extension AuthenticationPolicy {
    /// As the file says. Reads the certificates and keys that it names.
    init(_ settings: IKEConnection, _ judges: inout CertificateJudges) throws(CredentialFault) {
        let local: LocalCredential
        switch settings.credential {
        case .presharedKey(let key): local = .sharedKey(key)
        case .certificate(let chainFile, let keyFile):
            local = .certificate(try CertificateCredential(certificateFiles: [chainFile], keyFile: keyFile))
        }
        switch settings.requirement {
        case .presharedKey(let key): self.init(local: local, remote: .sharedKey(key))
        case .certificate(let authorities, let lists, let revocation):
            let trust = try Trust(
                authorityFiles: authorities, revocationListFiles: lists,
                revocation: Trust.Revocation(rawValue: revocation.rawValue) ?? .require)
            judges.add(trust, for: settings.name)
            self.init(local: local, remote: .certificate(trust.requirement()))
        }
    }
}
