import ControlPlane
import Testing

@testable import Credentials

/// Chains that are believed, and what is said of the others.
@Suite struct ChainTests {
    @Test(arguments: ["rsa2048", "rsa3072", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"])
    func everyKindOfKeyBehindAnIntermediate(_ kind: String) async throws {
        let judge = CertificateJudge(try Sample.trust())
        #expect(try await judge.refusal(["a-\(kind)", "intermediate"]) == nil)
        #expect(try await judge.refusal(["a-\(kind)", "other", "intermediate", "expired"]) == nil)
        let without = try await judge.refusal(["a-\(kind)"])
        #expect(
            without?.hasSuffix("CN=intermediate,O=Viaduct tests,C=CH, which is not believed and was not shown") == true)
        // Kept here, it need not be shown.
        let knowing = CertificateJudge(try Sample.trust(intermediates: ["intermediate"]))
        #expect(try await knowing.refusal(["a-\(kind)"]) == nil)
    }

    @Test(arguments: [
        (["under-rsa"], "rsa-root"), (["under-ed25519"], "ed25519-root"), (["pinned"], "pinned"),
        (["ike-intermediate-purpose"], "root"), (["ipsec-ike-purpose"], "root"), (["server-purpose"], "root"),
        (["client-purpose"], "root"), (["any-purpose"], "root"), (["commitment-usage"], "root"),
        (["no-usage"], "root"), (["critical-names"], "root"), (["a-ecdsa256"], "intermediate"),
        // The way over the first of the two leads nowhere.
        (["under-crossed", "crossed", "crossed-again"], "root"),
        (["under-crossed", "crossed", "crossed-again"], "other-root"),
    ]) func believed(_ certificates: [String], _ authority: String) async throws {
        let judge = CertificateJudge(try Sample.trust([authority]))
        let words = try await judge.refusal(certificates)
        #expect(words == nil, "\(words ?? "")")
    }

    private static let tail = ",O=Viaduct tests,C=CH"

    @Test(arguments: [
        (["other"], "CN=other#  is issued by CN=other-root#, which is not believed and was not shown"),
        (["other", "other-root"], "CN=other-root# is none of the authorities that are believed"),
        (["expired"], "CN=expired# expired 2026-01-01"),
        (["not-yet"], "CN=not-yet# is not valid before 2100-01-01"),
        (["under-expired", "expired-intermediate"], "CN=expired-intermediate# expired 2026-01-01"),
        (["wrong-usage"], "the key of CN=wrong-usage# is not meant for digital signatures"),
        (["wrong-purpose"], "CN=wrong-purpose# is meant for other purposes than IKE"),
        (["under-no-cert-sign", "no-cert-sign"], "the key of CN=no-cert-sign# is not meant to sign certificates"),
        (
            ["weak"],
            "a key of this kind (1024 bits) is not used: RSA from 2048 to 8192 bits, ECDSA P-256, P-384, P-521, or Ed25519"
        ),
        (["under-no-authority", "no-authority"], "CN=no-authority# is no authority and has signed a certificate"),
        (["under-old", "old"], "CN=old is no authority and has signed a certificate"),
        (
            ["under-too-deep", "too-deep", "intermediate"],
            "CN=intermediate# may not have so many authorities below it"
        ),
        (
            ["by-impostor"],
            "the signature of CN=by-impostor# is not by CN=root#, or of a kind that is not taken"
        ),
        (
            ["unknown-critical"],
            "CN=unknown-critical# or one of its issuers has a critical extension that is not known here"
        ),
    ]) func refused(_ certificates: [String], _ words: String) async throws {
        let judge = CertificateJudge(try Sample.trust())
        let expected = words.replacing("#  ", with: "# ").replacing("#", with: Self.tail)
        let words = try await judge.refusal(certificates)
        #expect(words == expected, "\(words ?? "believed")")
        #expect(judge.cachedChainCount == 0)
    }

    @Test func nameConstraints() async throws {
        let judge = CertificateJudge(try Sample.trust())
        for name in ["inside.example", "a.inside.example"] {
            #expect(try await judge.refusal(["constrained-\(name)", "constrained"], as: Sample.fqdn(name)) == nil)
        }
        for name in ["outside.example", "x.not.inside.example"] {
            let words = try await judge.refusal(["constrained-\(name)", "constrained"], as: Sample.fqdn(name))
            #expect(words?.contains("breaks a constraint: ") == true, "\(words ?? "believed")")
        }
    }

    @Test func weakSignatures() async throws {
        let judge = CertificateJudge(try Sample.trust(["rsa-root"]))
        #expect(try await judge.refusal(["sha1-signed"]) == "CN=sha1-signed is signed with SHA-1")
        let pss = try await judge.refusal(["pss-signed"])
        #expect(pss?.contains("signed with RSA-PSS") == true, "\(pss ?? "believed")")
    }

    @Test func anExpiredAuthorityIsNotBelieved() async throws {
        let judge = CertificateJudge(try Sample.trust(["expired-root"]))
        #expect(try await judge.refusal(["under-expired-root"])?.hasSuffix("expired 2026-01-01") == true)
        #expect(try await judge.refusal(["under-expired-root"], at: 1_700_000_000) == nil)
    }

    /// Seven authorities of one name: every step tries them all.
    @Test func aMazeHasAnEnd() async throws {
        let judge = CertificateJudge(try Sample.trust())
        let words = try await judge.refusal(["in-maze"] + (1...7).reversed().map { "maze-\($0)" })
        #expect(words != nil)
    }

    @Test func whatIsNoCertificateIsRefused() async throws {
        let judge = CertificateJudge(try Sample.trust())
        for bytes in [[], [0x30], [0x30, 0], [UInt8](repeating: 0x30, count: 1000)] as [[UInt8]] {
            let peer = PeerCertificate(policy: "p", identification: Sample.fqdn("a.example"), certificates: [bytes])
            guard case .refused(let words) = await judge.judge(peer, at: Sample.now) else {
                Issue.record("believed")
                continue
            }
            #expect(words == "it is no X.509 certificate")
        }
        // Rubbish among the others does no harm.
        var peer = try Sample.peer(["a-ecdsa256", "intermediate"])
        peer.certificates.insert([1, 2, 3], at: 1)
        guard case .accepted = await judge.judge(peer, at: Sample.now) else {
            Issue.record("not believed")
            return
        }
    }

    /// No byte of a chain can be another: the authority's signature says so, or nothing can be read.
    @Test func everyChangedByteIsNoticed() async throws {
        let judge = CertificateJudge(try Sample.trust(intermediates: ["intermediate"]))
        let good = try Sample.der("a-ecdsa256")
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 1 << (index % 8)
            let peer = PeerCertificate(policy: "p", identification: Sample.fqdn("a.example"), certificates: [bytes])
            if case .accepted = await judge.judge(peer, at: Sample.now) { Issue.record("byte \(index)") }
        }
    }

    @Test func aChainIsVerifiedOnceWhileItHolds() async throws {
        let judge = CertificateJudge(try Sample.trust(), maximumCachedChains: 2)
        let chain = ["a-ecdsa256", "intermediate"]
        #expect(try await judge.refusal(chain) == nil)
        #expect(try await judge.refusal(chain) == nil)
        #expect(judge.cachedChainCount == 1)
        // The identification is looked at each time, and so is the time.
        #expect(try await judge.refusal(chain, as: Sample.fqdn("b.example")) != nil)
        #expect(try await judge.refusal(chain, at: 4_800_000_000) != nil)
        #expect(try await judge.refusal(chain, at: 1_500_000_000) != nil)
        for kind in ["ecdsa384", "ecdsa521", "ed25519", "rsa2048"] {
            #expect(try await judge.refusal(["a-\(kind)", "intermediate"]) == nil)
            #expect(judge.cachedChainCount == 2)
        }
    }
}
