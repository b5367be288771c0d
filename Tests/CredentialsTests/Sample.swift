import Associations
import ControlPlane
import Foundation
import Testing

@testable import Credentials

/// What Fixtures/make.py made.
enum Sample {
    /// 2027-01-15, in the middle of most certificates' time.
    static let now: Int64 = 1_800_000_000

    private static let all: [String: String] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "Fixtures/credentials.json")
        return try! JSONDecoder().decode([String: String].self, from: Data(contentsOf: file))
    }()

    static func source(_ name: String) -> CredentialSource {
        CredentialSource(name: name, bytes: Array(all[name]!.utf8))
    }

    /// Of a certificate.
    static func der(_ name: String) throws -> [UInt8] { try source("\(name).pem").documents("CERTIFICATE")[0] }

    static func trust(
        _ authorities: [String] = ["root"], intermediates: [String] = [], lists: [String] = [],
        _ revocation: Trust.Revocation = .ignore
    ) throws -> Trust {
        try Trust(
            authorities: authorities.map { source("\($0).pem") },
            intermediates: intermediates.map { source("\($0).pem") },
            revocationLists: lists.map { source("\($0).crl") }, revocation: revocation)
    }

    static func fqdn(_ name: String) -> IdentificationPayload { IdentificationPayload(.fqdn, data: Array(name.utf8)) }

    static func peer(_ certificates: [String], as identification: IdentificationPayload = fqdn("a.example")) throws
        -> PeerCertificate
    {
        try PeerCertificate(policy: "p", identification: identification, certificates: certificates.map { try der($0) })
    }
}

extension CertificateJudge {
    /// nil when the certificates are believed; then the key is theirs.
    func refusal(
        _ certificates: [String], as identification: IdentificationPayload = Sample.fqdn("a.example"),
        at now: Int64 = Sample.now
    ) async throws -> String? {
        switch await judge(try Sample.peer(certificates, as: identification), at: now) {
        case .refused(let words): return words
        case .accepted(let info):
            #expect(info == (try KnownCertificate(try Sample.der(certificates[0]))).publicKeyInfo)
            return nil
        }
    }
}
