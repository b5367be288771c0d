import Associations
import Testing
import Wire

@testable import ControlPlane

/// Peers that do not fit together, and what both are told.
@Suite struct RefusalTests {
    @Test func aWrongKeyEndsBoth() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder, key: "something else"))
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["failed: it refused IKE_AUTH by AUTHENTICATION_FAILED"])
        let words = #"failed: AUTHENTICATION_FAILED: a.example does not have our shared key"#
        #expect(pair.story(.responder) == [words])
        #expect(pair.initiator.isClosed && pair.responder.isClosed)
    }

    @Test func aWrongResponderIsTold() throws {
        var policy = try SessionPolicy.sample(.initiator)
        policy.remoteID = .below(domain: "c.example")
        var pair = SessionPair(policy, try .sample(.responder))
        pair.start()
        pair.settle()
        let words = #"failed: it says to be b.example, expected is *.c.example"#
        #expect(pair.story(.initiator) == [words])
        #expect(
            pair.story(.responder) == [
                "established", "install", "delete", "failed: it refused INFORMATIONAL by AUTHENTICATION_FAILED",
            ])
    }

    @Test func whoAsksForSomebodyElseIsRefused() throws {
        var policy = try SessionPolicy.sample(.initiator)
        policy.remoteID = .exact(.name("c.example"))
        var pair = SessionPair(policy, try .sample(.responder))
        pair.start()
        pair.settle()
        let words = #"failed: AUTHENTICATION_FAILED: it asks for c.example, this is b.example"#
        #expect(pair.story(.responder) == [words])
        #expect(pair.story(.initiator) == ["failed: it refused IKE_AUTH by AUTHENTICATION_FAILED"])
    }

    @Test func noCommonProposalIsSaidInWords() throws {
        var pair = SessionPair(
            try .sample(.initiator, proposals: ["aes128-sha256-modp2048", "aes256gcm16-prfsha384-ecp384"]),
            try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(
            pair.story(.responder) == [
                "refused: NO_PROPOSAL_CHOSEN: it offered aes128-sha256-modp2048, aes256gcm16-prfsha384-ecp384; "
                    + "aes128gcm16-prfsha256-x25519 would have matched"
            ])
        #expect(pair.story(.initiator).count == 1)
        #expect(pair.story(.initiator).first?.hasPrefix("failed: NO_PROPOSAL_CHOSEN") == true)
        #expect(!pair.responder.isClosed)
    }

    @Test func unacceptableSelectorsKeepTheIKESA() throws {
        var pair = SessionPair(try .sample(.initiator, local: ["10.9.0.0/16"]), try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        #expect(pair.story(.initiator) == ["established", "refused: it refused the Child SA by TS_UNACCEPTABLE"])
        #expect(
            pair.story(.responder) == [
                "established",
                "refused: TS_UNACCEPTABLE: of 10.2.0.0/16 here and 10.9.0.0/16 there the policy allows nothing",
            ])
    }

    @Test func noCommonESPKeepsTheIKESA() throws {
        var pair = SessionPair(try .sample(.initiator, child: ["aes256gcm16"]), try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "refused: it refused the Child SA by NO_PROPOSAL_CHOSEN"])
        #expect(pair.responder.isEstablished)
    }

    /// The responder will have tunnel mode: it makes its SA, and is asked to delete it.
    @Test func transportModeRefused() throws {
        var pair = SessionPair(try .sample(.initiator, mode: .transport), try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(
            pair.story(.initiator) == [
                "established", "refused: it will not have transport mode, which the policy wants",
            ])
        #expect(pair.story(.responder) == ["established", "install", "delete"])
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
    }

    @Test func aCookieOfAnotherAddressIsNone() throws {
        let gate = CookieGate(secret: SecretBytes([UInt8](repeating: 7, count: 16)), threshold: 10)
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.gate = CookieGate(secret: gate.secret, threshold: 0)
        pair.start()
        pair.settle()
        let request = pair.sent[.initiator]![1]
        #expect(gate.judge(request, from: SessionPair.initiatorAddress, halfOpen: 10) == .admit)
        guard case .challenge = gate.judge(request, from: SessionPair.responderAddress, halfOpen: 10) else {
            Issue.record("a cookie of another address was taken")
            return
        }
        #expect(gate.judge(request, from: SessionPair.responderAddress, halfOpen: 9) == .admit)
        #expect(gate.judge([1, 2, 3], from: SessionPair.responderAddress, halfOpen: 10) == .ignore)
    }

    @Test(arguments: ["aes128gcm16-prfsha1-x25519", "aes128gcm16-prfsha256-mlkem1024", "aes128-sha1-modp2048"])
    func aPolicyNamesOnlyWhatWeHave(_ proposal: String) {
        #expect(throws: SessionPolicy.Fault.self) { try SessionPolicy.sample(.initiator, proposals: [proposal]) }
    }

    @Test func aResponderDoesNotWaitForever() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        let request = try #require(pair.sent[.initiator]?.first)
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        _ = pair.responder.receive(request, over: path, at: 0, using: &pair.random)
        let deadline = try #require(pair.responder.deadline)
        #expect(pair.responder.tick(at: deadline - 1, using: &pair.random).isEmpty)
        #expect(
            pair.responder.tick(at: deadline, using: &pair.random).compactMap(\.event) == [
                "failed: it began and did not authenticate itself in time"
            ])
    }

    @Test func aFirstMessageOfALaterVersionIsAnswered() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        var request = try #require(pair.sent[.initiator]?.first)
        request[17] = 0x30
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let actions = pair.responder.receive(request, over: path, at: 0, using: &pair.random)
        guard actions.count == 2, case .count(.malformed(.majorVersion)) = actions[0],
            case .send(let bytes, _) = actions[1]
        else {
            Issue.record("\(actions)")
            return
        }
        #expect(try IKEMessage(bytes).payloads == [.notify(NotifyPayload(.invalidMajorVersion))])
        #expect(pair.responder.deadline == nil)
    }

    /// As many selectors as an SA takes, each cut in three by the policy's ports: fewer are agreed, nothing traps.
    @Test func manySelectorsHaveABound() throws {
        let networks = (0..<16).map { "10.1.\($0).0/25" }
        var own = try SessionPolicy.sample(.responder)
        own = try SessionPolicy(
            name: own.name, proposals: ["aes128gcm16-prfsha256-x25519"], childProposals: ["aes128gcm16"],
            localID: own.localID, remoteID: .any, authentication: own.authentication,
            selectors: TrafficSelectors(
                remote: own.selectors.remote, local: own.selectors.local, ipProtocol: 6,
                remotePorts: [1...2, 4...5, 7...8]))
        var pair = SessionPair(try .sample(.initiator, local: networks), own)
        pair.start()
        pair.settle()
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        #expect(pair.installed(.initiator).count == 1)
        #expect(pair.installed(.responder).count == 1)
    }

    @Test func silenceHasAnEnd() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.weather.lost = 1000
        pair.start()
        pair.run()
        #expect(pair.story(.initiator) == ["failed: it does not answer IKE_SA_INIT"])
        #expect(pair.sent[.initiator]?.count == pair.initiator.policy.timing.transmissions)
        #expect(Set(pair.sent[.initiator]!).count == 1)
    }
}
