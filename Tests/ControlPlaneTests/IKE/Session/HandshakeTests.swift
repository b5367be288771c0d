import Associations
import Testing
import Wire

@testable import ControlPlane

/// Two sessions from their first message to SAs that mirror each other.
@Suite struct HandshakeTests {
    @Test func bothEndsAgree() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
        #expect(pair.sent[.initiator]?.count == 2)
        #expect(pair.sent[.responder]?.count == 2)
        expectMirrored(pair)
        #expect(pair.initiator.spis! == pair.responder.spis!)
        #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil)
    }

    private func expectMirrored(_ pair: SessionPair, sourceLocation: SourceLocation = #_sourceLocation) {
        let mine = pair.installed(.initiator).first
        let theirs = pair.installed(.responder).first
        guard let mine, let theirs else {
            Issue.record("not installed", sourceLocation: sourceLocation)
            return
        }
        for (one, other) in [(mine.outbound, theirs.inbound), (theirs.outbound, mine.inbound)] {
            #expect(one.spi == other.spi, sourceLocation: sourceLocation)
            #expect(one.direction == .outbound && other.direction == .inbound, sourceLocation: sourceLocation)
            #expect(one.mode == other.mode, sourceLocation: sourceLocation)
            #expect(one.transform == other.transform, sourceLocation: sourceLocation)
            #expect(one.key.matches(other.key), sourceLocation: sourceLocation)
            #expect(one.salt.matches(other.salt), sourceLocation: sourceLocation)
            #expect(one.authenticationKey.matches(other.authenticationKey), sourceLocation: sourceLocation)
            #expect(one.selectors == other.selectors.mirrored, sourceLocation: sourceLocation)
        }
        let secrets = { (one: SecurityAssociation) in one.key.count > 0 ? one.key : one.authenticationKey }
        #expect(!secrets(mine.outbound).matches(secrets(mine.inbound)), sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        "aes256gcm16-prfsha512-ecp256", "chacha20poly1305-prfsha384-ecp384", "aes256-sha512-ecp521",
        "aes128-sha256-modp2048", "aes192-sha384-modp3072",
    ])
    func everyKindOfProposalMakesAnSA(_ proposal: String) throws {
        var pair = SessionPair(
            try .sample(.initiator, proposals: [proposal], child: ["aes256gcm16"]),
            try .sample(.responder, proposals: [proposal], child: ["aes256gcm16"]))
        pair.start()
        pair.settle()
        expectMirrored(pair)
        #expect(pair.installed(.initiator).first?.outbound.transform == .aes256gcm16)
    }

    /// The keys' lengths are what SecurityAssociation insists on.
    @Test(arguments: Associations.Transform.allCases)
    func everyTransformOfESPMakesAnSA(_ transform: Associations.Transform) throws {
        var pair = SessionPair(
            try .sample(.initiator, child: [transform.rawValue]), try .sample(.responder, child: [transform.rawValue]))
        pair.start()
        pair.settle()
        expectMirrored(pair)
        #expect(pair.installed(.initiator).first?.outbound.transform == transform)
    }

    /// AES-CBC where the peer has nothing better, and never where it has.
    @Test func thePreferredTransformIsTaken() throws {
        let both = ["aes256gcm16-aes128gcm16", "aes256-aes128-sha256"]
        for (offered, taken) in [(both, "aes256gcm16"), (["aes128-sha256"], "aes128-sha256")] {
            var pair = SessionPair(
                try .sample(.initiator, child: offered), try .sample(.responder, child: both))
            pair.start()
            pair.settle()
            #expect(pair.installed(.responder).first?.outbound.transform.rawValue == taken)
        }
    }

    /// What the packet path has not is refused by the name it was asked for by.
    @Test(arguments: ["aes192-sha256", "aes256gcm8", "aes128ccm16", "3des-sha256", "aes128-md5", "aes128-aesxcbc"])
    func whatThePacketPathHasNotIsRefused(_ child: String) throws {
        #expect(throws: SessionPolicy.Fault.unsupported(child)) { try SessionPolicy.sample(.initiator, child: [child]) }
    }

    /// SHA-1 is not taken from a peer unless the operator has asked for it.
    @Test func sha1IsOffUnlessAskedFor() throws {
        var pair = SessionPair(
            try .sample(.initiator, child: ["aes128-sha1"]),
            try .sample(.responder, child: ["aes256gcm16-aes128gcm16", "aes256-aes128-sha256"]))
        pair.start()
        pair.settle()
        #expect(pair.installed(.responder).isEmpty)
    }

    @Test func theInboundSAIsThereBeforeTheReply() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        let order = pair.actions[.responder]!.map { action in
            if case .send = action { return "send" }
            return action.event ?? "other"
        }
        #expect(order == ["other", "send", "established", "install", "send", "other"])
    }

    @Test func aCookieIsEchoed() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.gate = CookieGate(secret: SecretBytes([UInt8](repeating: 7, count: 16)), threshold: 0)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.sent[.initiator]?.count == 3)
        expectMirrored(pair)
    }

    /// What makes an initiator begin anew does so once, however often it comes.
    @Test(arguments: [true, false]) func aLateCopyOfAChallengeIsStale(_ isCookie: Bool) throws {
        var random = SeededGenerator(seed: 3)
        let proposals = ["aes128gcm16-prfsha256-ecp256-x25519"]
        var initiator = Session(try .sample(.initiator, proposals: proposals))
        let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        guard case .send(let request, _) = initiator.start(here, at: 0, using: &random).last else { return }
        let challenge: NotifyPayload =
            isCookie ? NotifyPayload(.cookie, data: [1, 2, 3]) : .invalidKEPayload(wanted: .curve25519)
        let answer = InitExchange.refusal(of: try #require(IKEHeader(request)), challenge)
        let first = initiator.receive(answer, over: here, at: 0, using: &random)
        guard first.count == 1, case .send(let second, _) = first[0] else {
            Issue.record("\(first)")
            return
        }
        #expect(second != request)
        let before = contents(of: initiator)
        let again = initiator.receive(answer, over: here, at: 0, using: &random)
        guard again.count == 1, case .count(.stale) = again[0] else {
            Issue.record("\(again)")
            return
        }
        #expect(contents(of: initiator) == before)
    }

    @Test func anotherGroupIsAskedFor() throws {
        var pair = SessionPair(
            try .sample(.initiator, proposals: ["aes128gcm16-prfsha256-ecp256-x25519"]),
            try .sample(.responder, proposals: ["aes128gcm16-prfsha256-x25519"]))
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder).first?.hasPrefix("refused: INVALID_KE_PAYLOAD") == true)
        expectMirrored(pair)
    }

    @Test func anotherGroupIsAskedForBehindACookie() throws {
        var pair = SessionPair(
            try .sample(.initiator, proposals: ["aes128gcm16-prfsha256-ecp256-x25519"]),
            try .sample(.responder, proposals: ["aes128gcm16-prfsha256-x25519"]))
        pair.gate = CookieGate(secret: SecretBytes([UInt8](repeating: 7, count: 16)), threshold: 0)
        pair.start()
        pair.settle()
        expectMirrored(pair)
    }

    @Test func theOfferIsNarrowedToThePolicy() throws {
        var pair = SessionPair(
            try .sample(.initiator, local: ["10.0.0.0/8"], remote: ["0.0.0.0/0"]),
            try .sample(.responder, local: ["10.2.0.0/16"], remote: ["10.1.2.0/24"]))
        pair.start()
        pair.settle()
        expectMirrored(pair)
        let selectors = pair.installed(.initiator).first?.inbound.selectors
        #expect(selectors?.local == [AddressRange("10.1.2.0/24")!])
        #expect(selectors?.remote == [AddressRange("10.2.0.0/16")!])
    }

    @Test func transportMode() throws {
        var pair = SessionPair(try .sample(.initiator, mode: .transport), try .sample(.responder, mode: .transport))
        pair.start()
        pair.settle()
        expectMirrored(pair)
        #expect(pair.installed(.responder).first?.inbound.mode == .transport)
    }

    @Test func aNATIsFoundAndThePortsFloat() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.hasNAT = true
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["move to 4500-4500", "established", "install"])
        #expect(pair.initiator.nat == NATFinding(isBeforeUs: true, isBeforePeer: false))
        #expect(pair.responder.nat == NATFinding(isBeforeUs: false, isBeforePeer: true))
        expectMirrored(pair)
        let here = pair.installed(.initiator).first?.outbound
        #expect(here?.udpEncapsulation == UDPEncapsulation(remotePort: 4500, localPort: 4500))
        let there = pair.installed(.responder).first?.outbound
        #expect(there?.udpEncapsulation == UDPEncapsulation(remotePort: 24500, localPort: 4500))
        #expect(there?.destination == SessionPair.natAddress)
    }

    @Test func withoutNATNothingFloats() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(pair.initiator.nat?.isFound == false && pair.responder.nat?.isFound == false)
        #expect(pair.installed(.responder).first?.inbound.udpEncapsulation == nil)
    }

    /// FIPS 180-4's examples, and one that ends at a block's edge.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
    ])
    func sha1(_ text: String, _ digest: String) {
        #expect(Digest.sha1(Array(text.utf8)) == Hexadecimal.bytes(digest))
    }
}
