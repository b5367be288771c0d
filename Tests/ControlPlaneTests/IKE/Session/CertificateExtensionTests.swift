import Associations
import Testing

@testable import ControlPlane

/// Signatures beside what else may happen before IKE_AUTH.
@Suite struct CertificateExtensionTests {
    /// Signatures cover the rounds of further key exchanges as shared keys do.
    @Test func behindFurtherKeyExchanges() throws {
        let proposals = ["aes256gcm16-prfsha384-x25519-ke1_mlkem768"]
        var policies = try [SessionPair.End.initiator, .responder].map {
            try SessionPolicy.sample($0, proposals: proposals)
        }
        for index in policies.indices {
            policies[index].authentication = AuthenticationPolicy(
                local: .certificate(try CertificateSample.credential("ecdsa256")),
                remote: .certificate(CertificateSample.requirement()))
        }
        var pair = SessionPair(policies[0], policies[1])
        pair.judge = CertificateSample.judge
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
    }

    /// With a post-quantum key at both ends, and with one that the responder lacks and does without.
    @Test(arguments: [true, false]) func withAPostquantumKey(_ isShared: Bool) throws {
        func keys(_ name: String) -> PostquantumKeys {
            PostquantumKeys(
                [
                    PostquantumKeys.Key(
                        identity: Array(name.utf8), secret: SecretBytes([UInt8](repeating: 9, count: 32)))
                ],
                isMandatory: false)
        }
        var mine = try SessionPolicy.signing(.initiator, own: "ecdsa256", peer: "rsa2048")
        var theirs = try SessionPolicy.signing(.responder, own: "rsa2048", peer: "ecdsa256")
        mine.postquantumKeys = keys("one")
        theirs.postquantumKeys = keys(isShared ? "one" : "other")
        var pair = SessionPair(mine, theirs)
        pair.judge = CertificateSample.judge
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
    }
}
