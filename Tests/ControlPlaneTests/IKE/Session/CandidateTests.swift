import Associations
import Testing

@testable import ControlPlane

/// A responder that learns in IKE_AUTH whom it has before it.
@Suite struct CandidateTests {
    private func candidate(
        _ name: String, local: String = "b.example", remote: PeerIdentity,
        proposals: [String] = ["aes128gcm16-prfsha256-x25519"], certificate: Bool = false
    ) throws -> SessionPolicy {
        let sample = try SessionPolicy.sample(.responder)
        var policy = try SessionPolicy(
            name: name, proposals: proposals, childProposals: ["aes128gcm16"], localID: .name(local),
            remoteID: remote, authentication: sample.authentication, selectors: sample.selectors)
        if certificate { policy.authentication.remote = .certificate(CertificateSample.requirement()) }
        return policy
    }

    private func chosen(_ candidates: [SessionPolicy], by initiator: SessionPolicy? = nil) throws -> SessionPair {
        var pair = SessionPair(try initiator ?? .sample(.initiator), candidates: candidates)
        pair.judge = CertificateSample.judge
        pair.start()
        pair.settle()
        return pair
    }

    @Test func theFirstThatFitsIsTaken() throws {
        let pair = try chosen([
            candidate("another peer", remote: .exact(.name("c.example"))),
            candidate("another of us", local: "d.example", remote: .any),
            candidate("another way", remote: .any, certificate: true),
            candidate("another proposal", remote: .any, proposals: ["aes256gcm16-prfsha384-ecp384"]),
            candidate("this one", remote: .below(domain: "example")),
            candidate("too late", remote: .exact(.name("a.example"))),
        ])
        #expect(pair.responder.isEstablished)
        #expect(pair.responder.policy.name == "this one")
    }

    @Test func theFirstMessageIsAnsweredByWhoTakesIt() throws {
        let pair = try chosen([
            candidate("another", remote: .any, proposals: ["aes256gcm16-prfsha384-ecp384"]),
            candidate("this one", remote: .any),
        ])
        #expect(pair.responder.policy.name == "this one")
    }

    @Test func aPeerWithACertificateFindsItsCandidate() throws {
        let pair = try chosen(
            [candidate("shared", remote: .any), candidate("certificates", remote: .any, certificate: true)],
            by: .signing(.initiator, own: "rsa2048", peer: nil))
        #expect(pair.responder.policy.name == "certificates")
        #expect(pair.responder.isEstablished)
    }

    /// Peers that nothing but their keys tells apart.
    @Test func theSharedKeyDecides() throws {
        func candidates(_ keys: [String]) throws -> [SessionPolicy] {
            try keys.map { key in
                var policy = try candidate(key, remote: .any)
                policy.authentication = .sharedKey(SecretBytes(Array(key.utf8)))
                return policy
            }
        }
        let key = "correct horse battery staple"
        let others = (0..<CandidateChoice.maximumSharedKeys - 1).map { "another \($0)" }
        for keys in [[key] + others, others + [key], Array(others.prefix(3)) + [key] + Array(others.dropFirst(3))] {
            let pair = try chosen(candidates(keys))
            #expect(pair.initiator.isEstablished && pair.responder.policy.name == key)
        }
        // Neither one of none, nor one too many.
        for keys in [others, others + ["one more", key]] {
            let pair = try chosen(candidates(keys))
            #expect(pair.responder.isClosed && pair.initiator.isClosed)
            #expect(pair.story(.responder).first?.hasPrefix("failed: AUTHENTICATION_FAILED") == true)
        }
    }

    @Test func refusalsNameWhatWasOffered() throws {
        let pair = try chosen([
            candidate("one", remote: .exact(.name("c.example"))), candidate("two", local: "d.example", remote: .any),
        ])
        #expect(
            pair.story(.responder) == [
                #"failed: AUTHENTICATION_FAILED: no connection is configured for a.example that asks for "#
                    + #"b.example and authenticates by Shared Key Message Integrity Code"#
            ])
        let other = try chosen([
            candidate("one", remote: .any, proposals: ["aes256gcm16-prfsha384-ecp384"]),
            candidate("two", remote: .any, proposals: ["aes256-sha384-modp2048", "aes256gcm16-prfsha384-ecp384"]),
        ])
        #expect(
            other.story(.responder) == [
                "refused: NO_PROPOSAL_CHOSEN: it offered aes128gcm16-prfsha256-x25519; "
                    + "aes256gcm16-prfsha384-ecp384, aes256-sha384-modp2048 would have matched"
            ])
    }

    @Test(arguments: [
        ("a.example", true), ("b.a.example", true), ("A.EXAMPLE", true), ("example", false), (".example", false),
        ("a..example", false), ("aexample", false), ("*.example", false), ("a.example.", false),
        ("a.example.com", false), ("a\0.example", false), ("", false),
    ]) func belowADomain(_ name: String, _ fits: Bool) {
        #expect(PeerIdentity.below(domain: "example").allows(.name(name)) == fits)
        #expect(!PeerIdentity.below(domain: "example").allows(IdentificationPayload(.keyID, data: Array(name.utf8))))
        #expect(PeerIdentity.any.allows(.name(name)))
    }
}
