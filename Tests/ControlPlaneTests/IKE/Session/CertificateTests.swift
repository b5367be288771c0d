import Associations
import Testing

@testable import ControlPlane

/// Handshakes with signatures, and everything that is not to be signed or believed.
@Suite struct CertificateTests {
    /// The AUTH payload of an end, out of what its session was given to judge its peer by.
    private func proof(_ pair: SessionPair, of end: SessionPair.End) throws -> AuthenticationPayload? {
        let bytes = try #require(pair.sent[end]?.last)
        let other = end == .initiator ? pair.responder.channel : pair.initiator.channel
        return try other?.insides(bytes)?.authentication
    }

    private static let pairs = CertificateSample.keys.flatMap { mine in
        CertificateSample.keys.map { (mine, $0) }
    }

    @Test(arguments: pairs) func everyKindOfKey(_ mine: String, _ theirs: String) throws {
        var pair = try SessionPair.signing(mine, theirs)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
        #expect(try proof(pair, of: .initiator)?.method == .digitalSignature)
        #expect(try proof(pair, of: .responder)?.method == .digitalSignature)
    }

    @Test(arguments: [("ecdsa256", nil), (nil, "rsa2048")] as [(String?, String?)])
    func oneEndMayHaveTheSharedKey(_ mine: String?, _ theirs: String?) throws {
        var pair = try SessionPair.signing(mine, theirs)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
    }

    /// Of what one end may sign with and the other announces, the signer's best.
    @Test(arguments: CertificateSample.keys, [SignatureHash.sha256, .sha384, .sha512, .identity])
    func theHashIsOneThatThePeerAnnounced(_ name: String, _ hash: SignatureHash) throws {
        let taken = CertificateRequirement.defaultSchemes.filter { $0.hash == hash }
        var pair = SessionPair(
            try .signing(.initiator, own: name, peer: nil),
            try .signing(.responder, own: nil, peer: name, taken: taken))
        pair.judge = CertificateSample.judge
        pair.start()
        pair.settle()
        let kind = try CertificateSample.credential(name).key.kind
        let expected = kind.schemes.first { $0 != .rsaSHA1 && $0.hash == hash }
        // Without a common hash a key of ECDSA has the method of its own, whose hash the other does not take either.
        guard let expected else {
            #expect(!pair.responder.isEstablished)
            #expect(pair.story(.initiator).last?.hasPrefix("failed: ") == true)
            return
        }
        #expect(pair.story(.responder) == ["established", "install"])
        let shown = try proof(pair, of: .initiator)
        #expect(shown?.method == .digitalSignature)
        #expect(shown.flatMap { SignatureScheme(algorithmIdentifier: $0.algorithmIdentifier) } == expected)
    }

    /// A peer without RFC 7427: its notification is taken out of the way, which the signatures then cover.
    @Test(arguments: CertificateSample.keys) func withoutRFC7427(_ name: String) throws {
        let credential = try CertificateSample.credential(name)
        let octets = Array("octets".utf8)
        let key = try VerifyingKey(publicKeyInfo: credential.key.publicKeyInfo)
        let requirement = CertificateSample.requirement()
        guard let method = credential.key.kind.ecdsaMethod else {
            #expect(throws: Session.Failure.noCommonSignature(own: credential.schemes, peer: [])) {
                try credential.sign(octets, for: [])
            }
            return
        }
        let proof = try credential.sign(octets, for: [])
        #expect(proof.method.rawValue == method.number)
        #expect(requirement.isProof(proof, of: octets, by: key, announced: false))
        #expect(!requirement.isProof(proof, of: octets + [0], by: key, announced: false))
        // Each of the old methods belongs to one curve.
        for other in CertificateSample.keys where other != name {
            let stranger = try VerifyingKey(publicKeyInfo: try CertificateSample.credential(other).key.publicKeyInfo)
            #expect(!requirement.isProof(proof, of: octets, by: stranger, announced: false))
        }
    }

    @Test func sha1IsForWhoAsksForItByName() throws {
        let octets = Array("octets".utf8)
        let plain = try CertificateSample.credential("rsa2048")
        let old = try CertificateSample.credential("rsa2048", schemes: [.rsaPSSSHA256, .rsaSHA1])
        let key = try VerifyingKey(publicKeyInfo: plain.key.publicKeyInfo)
        #expect(throws: Session.Failure.self) { try plain.sign(octets, for: []) }
        // A peer that knows other hashes is not brought down to this one.
        #expect(throws: Session.Failure.self) { try old.sign(octets, for: [.sha512]) }
        let proof = try old.sign(octets, for: [])
        #expect(proof.method == .rsaSignature)
        #expect(!CertificateSample.requirement().isProof(proof, of: octets, by: key, announced: false))
        #expect(CertificateSample.requirement([.rsaSHA1]).isProof(proof, of: octets, by: key, announced: false))
    }

    @Test func method14IsForWhoWasToldOurHashes() throws {
        let credential = try CertificateSample.credential("ecdsa256")
        let key = try VerifyingKey(publicKeyInfo: credential.key.publicKeyInfo)
        let proof = try credential.sign([1], for: [.sha256])
        #expect(CertificateSample.requirement().isProof(proof, of: [1], by: key, announced: true))
        #expect(!CertificateSample.requirement().isProof(proof, of: [1], by: key, announced: false))
    }

    /// The verdict names another key than the one that signed.
    @Test func aSignatureOfAnotherKey() throws {
        var pair = try SessionPair.signing("ecdsa256", nil)
        let other = try CertificateSample.credential("ecdsa384").key.publicKeyInfo
        pair.judge = { _ in .accepted(publicKeyInfo: other) }
        pair.start()
        pair.settle()
        #expect(
            pair.story(.responder) == [
                #"failed: AUTHENTICATION_FAILED: the signature of a.example is not by its certificate's key"#
            ])
        #expect(pair.story(.initiator) == ["failed: it refused IKE_AUTH by AUTHENTICATION_FAILED"])
    }

    @Test func aVerdictOfNoKey() throws {
        var pair = try SessionPair.signing("ecdsa256", nil)
        pair.judge = { _ in .accepted(publicKeyInfo: [1, 2, 3]) }
        pair.start()
        pair.settle()
        #expect(pair.story(.responder).first?.contains("is not believed") == true)
    }

    @Test func aRefusalIsSaidInTheJudgesWords() throws {
        var pair = try SessionPair.signing("ecdsa256", "ecdsa256")
        pair.judge = {
            $0.policy == "b.example" ? CertificateSample.judge($0) : .refused("it expired 2026-01-01")
        }
        pair.start()
        pair.settle()
        let words =
            #"failed: AUTHENTICATION_FAILED: the certificate of b.example is not believed: "#
            + "it expired 2026-01-01"
        #expect(pair.story(.initiator) == [words])
        #expect(
            pair.story(.responder) == [
                "established", "install", "delete", "failed: it refused INFORMATIONAL by AUTHENTICATION_FAILED",
            ])
    }

    /// Ends that do not want the same are told so.
    @Test func aSharedKeyIsNoCertificate() throws {
        var pair = SessionPair(try .sample(.initiator), try .signing(.responder, own: nil, peer: "ecdsa256"))
        pair.start()
        pair.settle()
        #expect(
            pair.story(.responder) == [
                #"failed: AUTHENTICATION_FAILED: a.example authenticates by Shared Key Message Integrity Code, "#
                    + "expected is a signature of a certificate's key that we take"
            ])
        var other = SessionPair(try .signing(.initiator, own: "ecdsa256", peer: nil), try .sample(.responder))
        other.start()
        other.settle()
        #expect(other.story(.responder).first?.contains("expected is the shared key") == true)
    }

    @Test func everythingIsAskedForInTheRightPlace() throws {
        var pair = try SessionPair.signing("ecdsa256", "ed25519")
        pair.start(isInitialContact: true)
        pair.settle()
        let ask = CertificateRequestPayload(.x509Signature, authority: [UInt8](repeating: 0xCA, count: 20))
        let first = try IKEMessage(try #require(pair.sent[.initiator]?.first)).payloads
        #expect(first.signatureHashes == [.sha256, .sha384, .sha512, .identity])
        let answer = try IKEMessage(try #require(pair.sent[.responder]?.first)).payloads
        #expect(answer.signatureHashes == [.sha256, .sha384, .sha512, .identity])
        #expect(answer.certificateRequests == [ask])
        guard case .established(let responder) = pair.responder.state else { return }
        let bytes = try #require(pair.sent[.initiator]?.last)
        let payloads = try #require(try responder.channel.insides(bytes))
        #expect(
            payloads.map(\.type) == [
                .identificationInitiator, .certificate, .certificate, .notify, .certificateRequest,
                .identificationResponder, .authentication, .notify, .securityAssociation, .trafficSelectorInitiator,
                .trafficSelectorResponder,
            ])
        #expect(payloads.notifications.map(\.type) == [.initialContact, .ikev2MessageIDSyncSupported])
        #expect(payloads.certificateRequests == [ask])
        #expect(pair.story(.responder) == ["initial contact", "established", "install"])
    }

    /// PSK sessions say nothing of signatures and never wait.
    @Test func aSharedKeySaysNothingOfSignatures() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        for bytes in [pair.sent[.initiator]![0], pair.sent[.responder]![0]] {
            let payloads = try IKEMessage(bytes).payloads
            #expect(payloads.signatureHashes.isEmpty && payloads.certificateRequests.isEmpty)
        }
        for action in pair.actions[.initiator]! + pair.actions[.responder]! {
            if case .judge = action { Issue.record("a certificate was judged") }
        }
    }
}
