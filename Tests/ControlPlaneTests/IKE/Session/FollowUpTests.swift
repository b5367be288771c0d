import Associations
import Testing

@testable import ControlPlane

/// Further key exchanges behind CREATE_CHILD_SA, one in each IKE_FOLLOWUP_KE (RFC 9370 §2.2.4).
@Suite struct FollowUpTests {
    static let ike = "aes128gcm16-prfsha256-x25519-ke1_mlkem768"
    static let child = "aes128gcm16-x25519-ke1_mlkem768"
    static let seven = "ke1_ecp256-ke2_ecp384-ke3_ecp521-ke4_modp2048-ke5_modp3072-ke6_modp4096-ke7_mlkem768"

    private static func other(_ end: SessionPair.End) -> SessionPair.End { end == .initiator ? .responder : .initiator }

    /// The exchanges of the requests that an end sent, without those of before.
    private func asked(_ pair: SessionPair, _ end: SessionPair.End, from start: Int = 0) -> [String] {
        var told: [String] = []
        var last: UInt32?
        for bytes in pair.sent[end]!.dropFirst(start) {
            guard let header = IKEHeader(bytes), !header.flags.contains(.response), header.messageID != last else {
                continue
            }
            last = header.messageID
            told.append("\(header.exchange)")
        }
        return told
    }

    @Test(arguments: RekeyTests.ends, [[child], ["aes128gcm16-x25519-\(seven)"]])
    func aChildIsRekeyed(_ end: SessionPair.End, _ child: [String]) throws {
        var pair = try RekeyTests.established(child: child)
        let old = pair.children(end)[0]
        let start = pair.sent[end]!.count
        pair.command(end) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.settle()
        let rounds = child[0].split(separator: "_").count - 1
        #expect(
            asked(pair, end, from: start)
                == ["CREATE_CHILD_SA"] + Array(repeating: "IKE_FOLLOWUP_KE", count: rounds) + ["INFORMATIONAL"])
        #expect(pair.story(end) == ["established", "install", "install", "delete"])
        #expect(pair.story(Self.other(end)) == ["established", "install", "install", "delete"])
        #expect(pair.children(end).count == 1 && pair.children(end)[0] != old)
        #expect(pair.disagreements == [])
    }

    @Test(arguments: RekeyTests.ends) func oneMoreChildIsMade(_ end: SessionPair.End) throws {
        var pair = try RekeyTests.established(child: [Self.child]) { $0.maximumChildren = 2 }
        pair.command(end) { $0.addChild(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(end).count == 2 && pair.disagreements == [])
        #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil)
    }

    @Test(arguments: RekeyTests.ends, [ike, "aes128gcm16-prfsha256-x25519-\(seven)"])
    func theIKESAIsRekeyed(_ end: SessionPair.End, _ ike: String) throws {
        var pair = try RekeyTests.established([ike])
        let before = pair.initiator.spis!
        pair.command(end) { $0.rekey(at: $1, using: &$2) }
        pair.settle()
        let rounds = ike.split(separator: "_").count - 1
        #expect(asked(pair, end).count { $0 == "IKE_FOLLOWUP_KE" } == rounds)
        #expect(pair.initiator.spis! != before && pair.initiator.spis! == pair.responder.spis!)
        // Both have the same keys: the other end rekeys through it.
        pair.command(Self.other(end)) { $0.rekey(at: $1, using: &$2) }
        pair.run()
        #expect(pair.initiator.isEstablished && pair.initiator.spis! == pair.responder.spis!)
        #expect(pair.shells.values.allSatisfy { $0.claimed.count == 1 } && pair.disagreements == [])
    }

    /// Every secret is in the keys (RFC 9370 §2.2.4).
    @Test func theKeysAreThoseOfAllRounds() throws {
        var pair = try RekeyTests.established(child: ["aes128gcm16-x25519-ke1_ecp256"])
        guard case .established(let before) = pair.responder.state else { return }
        pair.command(.initiator) { $0.addChild(at: $1, using: &$2) }
        var agreement: ChildAgreement?
        while agreement == nil {
            pair.run(until: pair.now + 1_000_000, maximumSteps: 1)
            guard case .established(let now) = pair.responder.state else { return }
            if case .child(let awaited, replacing: nil) = now.awaited?.subject { agreement = awaited }
        }
        pair.settle()
        let one = try #require(agreement)
        let without = ChildKeys(
            of: before.channel.keys, sharedSecret: one.sharedSecret, initiatorNonce: one.negotiation.initiatorNonce,
            responderNonce: one.negotiation.responderNonce, sizes: ChildKeySizes(one.transform))
        let made = try #require(pair.installed(.responder).last)
        #expect(made.spis == one.spis)
        #expect(!made.inbound.key.matches(without.fromInitiator.encryption))
    }

    /// A peer that says it knows no further key exchanges is offered what goes without.
    @Test(arguments: RekeyTests.ends) func whoKnowsNoneIsOfferedNone(_ end: SessionPair.End) throws {
        var policies = try [SessionPolicy.sample(.initiator), .sample(.responder)]
        policies[end == .initiator ? 0 : 1] = try .sample(
            end, proposals: ["aes128gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none"])
        var pair = SessionPair(policies[0], policies[1])
        pair.start()
        pair.settle()
        let before = pair.initiator.spis!
        pair.command(end) { $0.rekey(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.initiator.spis! != before && pair.initiator.spis! == pair.responder.spis!)
        #expect(!asked(pair, end).contains("IKE_FOLLOWUP_KE"))
    }

    // MARK: What goes wrong

    private static let there = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)

    private static func established(_ session: Session) throws -> Established {
        guard case .established(let established) = session.state else { throw NotEstablished() }
        return established
    }

    struct NotEstablished: Error {}

    /// The responder after the initiator's CREATE_CHILD_SA, and what it is asked next.
    private func begun(_ command: Collision.Command) throws -> (pair: SessionPair, request: [UInt8]) {
        var pair = try RekeyTests.established(
            ["aes128gcm16-prfsha256-x25519-ke1_ecp256"], child: ["aes128gcm16-x25519-ke1_ecp256-ke2_ecp384"])
        let child = pair.children(.initiator)[0]
        pair.command(.initiator) { command.run(&$0, child, at: $1, using: &$2) }
        while true {
            pair.run(until: pair.now + 1_000_000, maximumSteps: 1)
            guard let last = pair.sent[.initiator]!.last, IKEHeader(last)?.exchange == .ikeFollowupKE else { continue }
            return (pair, last)
        }
    }

    /// What the responder has waited for too long it does not know any more; the initiator begins again.
    @Test(arguments: [Collision.Command.rekeyChild, .addChild, .rekeyIKE])
    func whatTookTooLongIsBegunAgain(_ command: Collision.Command) throws {
        var (pair, _) = try begun(command)
        let spis = pair.initiator.spis!
        var established = try Self.established(pair.responder)
        established.awaited = nil
        pair.responder.state = .established(established)
        pair.run()
        #expect(pair.counted(.responder).contains(.exchangeRefused))
        #expect(pair.counted(.initiator).contains(.putOffByPeer))
        switch command {
        case .rekeyIKE: #expect(pair.initiator.spis! != spis)
        case .addChild: #expect(pair.children(.initiator).count == 2)
        default: #expect(pair.children(.initiator).count == 1 && pair.story(.initiator).last == "delete")
        }
        #expect(pair.initiator.spis! == pair.responder.spis! && pair.disagreements == [])
    }

    /// A peer that forgets whatever it began is left (RFC 9370 §2.2.4).
    @Test(arguments: [Collision.Command.rekeyChild, .rekeyIKE])
    func aPeerThatAlwaysForgetsIsLeft(_ command: Collision.Command) throws {
        var (pair, _) = try begun(command)
        for _ in 0..<20_000 where !pair.initiator.isClosed {
            if case .established(var established) = pair.responder.state {
                established.awaited = nil
                pair.responder.state = .established(established)
            }
            pair.run(maximumSteps: 1)
        }
        #expect(pair.story(.initiator).last == "closed")
        #expect(pair.counted(.initiator).count { $0 == .putOffByPeer } == Established.maximumForgottenFollowUps)
    }

    /// Nobody waits for ever for a peer that does not go on.
    @Test func whoDoesNotGoOnIsNotWaitedFor() throws {
        var (pair, _) = try begun(.rekeyChild)
        let deadline = try #require(pair.responder.deadline)
        #expect(deadline <= pair.now + pair.responder.policy.timing.followUp)
        // The responder's own wish waits so long, and no longer.
        let child = pair.children(.responder)[0]
        let asked = pair.responder.rekeyChild(child, at: pair.now, using: &pair.random)
        #expect(asked.isEmpty && pair.responder.deadline == deadline)
        let actions = pair.responder.tick(at: deadline, using: &pair.random)
        #expect(actions.contains { if case .send = $0 { true } else { false } })
        #expect(try Self.established(pair.responder).awaited == nil)
    }

    @Test func aRoundThatIsNotTheNextIsNotAnswered() throws {
        var (pair, _) = try begun(.rekeyChild)
        let before = try Self.established(pair.initiator)
        let awaited = try #require(try Self.established(pair.responder).awaited)
        let good = try #require(before.children.first)
        guard case .createChild(let asked) = before.current.asked, let followUps = asked.followUps else { return }
        let link = awaited.link.data
        let requests: [([IKEPayload], NotifyType)] = [
            ([.keyExchange(followUps.exchange.payload)], .stateNotFound),
            (followUps.request(NotifyPayload(.additionalKeyExchange, data: link.dropLast() + [1])), .stateNotFound),
            (followUps.request(NotifyPayload(.additionalKeyExchange, data: [])), .stateNotFound),
            ([.notify(awaited.link)], .invalidSyntax),
            ([.keyExchange(KeyExchange(.ecp384, using: &pair.random).payload), .notify(awaited.link)], .invalidSyntax),
            (
                [
                    .keyExchange(KeyExchangePayload(.ecp256, data: [UInt8](repeating: 1, count: 64))),
                    .notify(awaited.link),
                ], .invalidSyntax
            ),
        ]
        for (payloads, expected) in requests {
            var channel = before.channel
            var responder = pair.responder
            let bytes = channel.seal(
                payloads, .ikeFollowupKE, messageID: before.current.nextOwnID - 1, isResponse: false)[0]
            let actions = responder.receive(bytes, over: Self.there, at: pair.now, using: &pair.random)
            let answers = actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
            #expect(try channel.insides(try #require(answers.first)) == [.notify(NotifyPayload(expected))])
            let after = try Self.established(responder)
            #expect(after.children.map(\.spis) == [ChildSPIs(inbound: good.spis.outbound, outbound: good.spis.inbound)])
            #expect((after.awaited == nil) == (expected == .invalidSyntax))
        }
    }

    /// What the initiator gets instead of a round.
    @Test(arguments: [[IKEPayload](), [.notify(NotifyPayload(.additionalKeyExchange, data: [1]))]])
    func anAnswerThatIsNoneEndsIt(_ answer: [IKEPayload]) throws {
        for command in [Collision.Command.rekeyChild, .rekeyIKE] {
            var (pair, _) = try begun(command)
            var channel = try Self.established(pair.responder).channel
            let id = try Self.established(pair.initiator).current.nextOwnID - 1
            let bytes = channel.seal(answer, .ikeFollowupKE, messageID: id, isResponse: true)[0]
            let path = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
            let actions = pair.initiator.receive(bytes, over: path, at: pair.now, using: &pair.random)
            let events = actions.compactMap(\.event)
            if command == .rekeyIKE {
                #expect(events == ["delete", "failed: its answer to IKE_FOLLOWUP_KE does not fit what was asked"])
            } else {
                #expect(events.count == 1 && events[0].hasPrefix("refused:"))
                #expect(pair.children(.initiator).count == 1)
            }
        }
    }
}
