import Testing

@testable import Credentials

/// Certificates that were taken back, and lists that say nothing.
@Suite struct RevocationTests {
    private func refusal(
        _ certificates: [String], _ revocation: Trust.Revocation, _ lists: [String], at now: Int64 = Sample.now
    ) async throws -> String? {
        let judge = CertificateJudge(try Sample.trust(lists: lists, revocation))
        return try await judge.refusal(certificates, at: now)
    }

    private let good = ["a-ecdsa256", "intermediate"]
    private let revoked = ["revoked", "intermediate"]
    private let intermediate = "CN=intermediate,O=Viaduct tests,C=CH"

    @Test func whoIsOnAListIsNotBelieved() async throws {
        for revocation in [Trust.Revocation.require, .use] {
            #expect(try await refusal(good, revocation, ["root", "intermediate"]) == nil)
            #expect(
                try await refusal(revoked, revocation, ["root", "intermediate"])
                    == "CN=revoked,O=Viaduct tests,C=CH was revoked by \(intermediate)")
            #expect(
                try await refusal(["under-revoked", "revoked-intermediate"], revocation, ["root", "intermediate"])
                    == "CN=revoked-intermediate,O=Viaduct tests,C=CH was revoked by CN=root,O=Viaduct tests,C=CH")
        }
        #expect(try await refusal(revoked, .ignore, ["root", "intermediate"]) == nil)
    }

    @Test func withoutAList() async throws {
        #expect(try await refusal(good, .use, []) == nil)
        #expect(
            try await refusal(good, .require, ["root"])
                == "there is no revocation list of \(intermediate), and one is required")
        #expect(try await refusal(good, .require, ["intermediate"])?.contains("no revocation list of CN=root") == true)
    }

    @Test func outOfDate() async throws {
        let old = ["root", "expired-intermediate-list"]
        #expect(
            try await refusal(good, .require, old)
                == "the revocation list of \(intermediate) expired 2026-01-01")
        #expect(try await refusal(good, .require, old, at: 1_700_000_000) == nil)
        #expect(try await refusal(good, .use, old) == nil)
        // Whoever was revoked stays so.
        #expect(try await refusal(revoked, .use, old) != nil)
        let early = ["root", "future-intermediate-list"]
        #expect(try await refusal(good, .require, early)?.hasSuffix("is not valid yet") == true)
        // One that is current is enough; what an older one has counts all the same.
        #expect(try await refusal(good, .require, old + ["empty-intermediate"]) == nil)
        #expect(try await refusal(revoked, .require, old + ["empty-intermediate"]) != nil)
    }

    @Test func aListOfSomebodyElse() async throws {
        #expect(try await refusal(good, .use, ["forged-intermediate-list"]) == nil)
        #expect(
            try await refusal(good, .require, ["root", "forged-intermediate-list"])
                == "there is no revocation list of \(intermediate), and one is required")
        #expect(try await refusal(["under-rsa"], .use, ["rsa-root"]) != nil)
        let judge = CertificateJudge(try Sample.trust(["rsa-root"], lists: ["rsa-root"], .require))
        #expect(try await judge.refusal(["under-rsa"]) == nil)
    }

    /// A verdict is kept only until the list behind it expires.
    @Test func aKeptVerdictDoesNotOutliveItsList() async throws {
        let judge = CertificateJudge(try Sample.trust(lists: ["root", "expired-intermediate-list"], .require))
        #expect(try await judge.refusal(good, at: 1_700_000_000) == nil)
        #expect(judge.cachedChainCount == 1)
        #expect(try await judge.refusal(good)?.hasSuffix("expired 2026-01-01") == true)
    }

    @Test(arguments: ["delta", "indirect"]) func onlyCompleteLists(_ name: String) {
        #expect(throws: CredentialFault.self) { try Sample.trust(lists: [name], .use) }
    }

    /// A byte of a list changed: it cannot be read, or is nobody's, or says what it said.
    @Test func everyChangedByteIsNoticed() async throws {
        let good = try Sample.source("intermediate.crl").documents("X509 CRL")[0]
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 1 << (index % 8)
            let source = CredentialSource(name: "changed", bytes: bytes)
            guard
                let trust = try? Trust(
                    authorities: [Sample.source("root.pem")],
                    revocationLists: [source, Sample.source("root.crl")], revocation: .require)
            else { continue }
            let judge = CertificateJudge(trust)
            let words = try await judge.refusal(self.good)
            #expect(words?.hasPrefix("there is no revocation list of CN=intermediate") == true, "byte \(index)")
        }
    }

    @Test(arguments: [
        (1970, 1, 1, 0), (2000, 2, 29, 951_782_400), (2026, 1, 1, 1_767_225_600), (2100, 3, 1, 4_107_542_400),
    ])
    func days(_ year: Int, _ month: Int, _ day: Int, _ seconds: Int) {
        #expect(Day.seconds(year, month, day) == Int64(seconds))
        let words = Day.words(Int64(seconds))
        #expect(words.split(separator: "-").map { Int($0) } == [year, month, day])
    }
}
