import Associations
import Testing

@testable import ControlPlane

/// Message IDs after a takeover (RFC 6311): an end is put back to what it was, as a member that takes over has it.
@Suite struct SynchronisingTests {
    private static func other(_ end: SessionPair.End) -> SessionPair.End { end == .initiator ? .responder : .initiator }

    private func established(_ session: Session) throws -> Established {
        guard case .established(let established) = session.state else { throw FollowUpTests.NotEstablished() }
        return established
    }

    /// An end is restored from before some probes of both, and either keeps only the keys of its IKE SA.
    private func takenOver(_ end: SessionPair.End, seed: UInt64 = 1, lost: Int = 0) throws -> SessionPair {
        var pair = try RekeyTests.established()
        pair.random = SeededGenerator(seed: seed)
        let before = pair[end]
        for _ in 0..<3 {
            for each in [end, Self.other(end)] {
                pair.command(each) { session, now, _ in session.probe(at: now) }
                pair.settle()
            }
        }
        pair.weather = SessionPair.Weather(lost: lost, doubled: lost, delay: lost == 0 ? 0 : 3_000_000_000)
        pair[end] = before
        return pair
    }

    private func expectBothTalk(_ pair: SessionPair, _ comment: String = "") {
        var pair = pair
        pair.weather = SessionPair.Weather()
        for end in RekeyTests.ends {
            let child = pair.children(end)[0]
            pair.command(end) { $0.rekeyChild(child, at: $1, using: &$2) }
            pair.run()
            #expect(!pair.children(end).contains(child), "\(comment)")
        }
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished, "\(comment)")
        #expect(pair.disagreements == [], "\(comment)")
    }

    @Test(arguments: RekeyTests.ends) func bothGoOn(_ end: SessionPair.End) throws {
        var pair = try takenOver(end)
        pair.command(end) { $0.synchronise(ahead: 8, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.counted(Self.other(end)).contains(.synchronised))
        let (here, there) = (try established(pair[end]), try established(pair[Self.other(end)]))
        #expect(here.current.nextOwnID == there.current.nextPeerID)
        #expect(there.current.nextOwnID == here.current.nextPeerID)
        expectBothTalk(pair)
    }

    @Test func withoutItTheSessionIsLost() throws {
        var pair = try takenOver(.responder)
        pair.command(.responder) { session, now, _ in session.probe(at: now) }
        pair.run()
        #expect(pair.story(.responder).last == "failed: it does not answer INFORMATIONAL")
    }

    @Test(arguments: RekeyTests.ends) func lossDelaysIt(_ end: SessionPair.End) throws {
        for seed in UInt64(1)...30 {
            var pair = try takenOver(end, seed: seed, lost: 250)
            pair.initiator.policy.timing.transmissions = 14
            pair.responder.policy.timing.transmissions = 14
            // The other end asks something meanwhile, and again once it knows.
            let child = pair.children(Self.other(end))[0]
            if seed % 2 == 0 { pair.command(Self.other(end)) { $0.rekeyChild(child, at: $1, using: &$2) } }
            pair.command(end) { $0.synchronise(ahead: 8, at: $1, using: &$2) }
            pair.run()
            if seed % 2 == 0 { #expect(!pair.children(end).contains(child), "seed \(seed)") }
            expectBothTalk(pair, "seed \(seed)")
        }
    }

    /// Whatever was under way at the end that is restored is asked again.
    @Test(arguments: [Collision.Command.rekeyChild, .addChild, .deleteChild, .rekeyIKE, .close, .probe])
    func whatWasUnderWayIsAskedAgain(_ command: Collision.Command) throws {
        var pair = try RekeyTests.established()
        let child = pair.children(.initiator)[0]
        let spis = pair.initiator.spis!
        pair.weather.lost = 1000
        pair.command(.initiator) { command.run(&$0, child, at: $1, using: &$2) }
        pair.weather.lost = 0
        pair.command(.initiator) { $0.synchronise(ahead: 8, at: $1, using: &$2) }
        pair.run()
        switch command {
        case .rekeyChild: #expect(pair.children(.initiator).count == 1 && !pair.children(.initiator).contains(child))
        case .addChild: #expect(pair.children(.initiator).count == 2)
        case .deleteChild: #expect(pair.children(.initiator).isEmpty)
        case .rekeyIKE: #expect(pair.initiator.spis! != spis)
        case .close: #expect(pair.initiator.isClosed && pair.responder.isClosed)
        case .probe: #expect(pair.initiator.isEstablished)
        }
        #expect(pair.disagreements == [])
    }

    /// Old questions and old answers change nothing.
    @Test func copiesAreOfNoUse() throws {
        let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        let there = Path(local: here.remote, remote: here.local)
        var pair = try takenOver(.initiator)
        var questions: [[UInt8]] = []
        var answers: [[UInt8]] = []
        for _ in 0..<2 {
            pair.command(.initiator) { $0.synchronise(ahead: 8, at: $1, using: &$2) }
            pair.settle()
            questions.append(pair.sent[.initiator]!.last!)
            answers.append(pair.sent[.responder]!.last!)
        }
        let before = try established(pair.responder)
        let first = pair.responder.receive(questions[0], over: there, at: pair.now, using: &pair.random)
        guard first.count == 1, case .count(.stale) = first[0] else {
            Issue.record("\(first)")
            return
        }
        // The last one may have been asked again because the answer was lost.
        let last = pair.responder.receive(questions[1], over: there, at: pair.now, using: &pair.random)
        #expect(last.contains { if case .send(answers[1], _) = $0 { true } else { false } })
        let after = try established(pair.responder)
        #expect(after.current.nextPeerID == before.current.nextPeerID)
        #expect(after.current.nextOwnID == before.current.nextOwnID)
        // An answer to another question does not answer this one.
        _ = pair.initiator.synchronise(ahead: 8, at: pair.now, using: &pair.random)
        for answer in answers {
            let actions = pair.initiator.receive(answer, over: here, at: pair.now, using: &pair.random)
            guard actions.count == 1, case .count(.stale) = actions[0] else {
                Issue.record("\(actions)")
                return
            }
        }
        #expect(try established(pair.initiator).current.isBusy)
    }

    @Test func whoDoesNotKnowItIsNotAsked() throws {
        for silent in RekeyTests.ends {
            var policies = try [SessionPolicy.sample(.initiator), .sample(.responder)]
            policies[silent == .initiator ? 0 : 1].synchronises = false
            var pair = SessionPair(policies[0], policies[1])
            pair.start()
            pair.settle()
            for end in RekeyTests.ends {
                var session = pair[end]
                #expect(session.synchronise(ahead: 1, at: pair.now, using: &pair.random).isEmpty)
            }
        }
    }

    /// We take no leap, and say that one was asked for.
    @Test func aLeapOfReplayCountersIsCounted() throws {
        var pair = try RekeyTests.established()
        let initiator = try established(pair.initiator)
        var channel = initiator.channel
        let question = Synchronisation(
            nonce: 7, send: initiator.current.nextOwnID + 1, receive: initiator.current.nextPeerID)
        let bytes = channel.seal(
            [question.payload, .notify(NotifyPayload(.ipsecReplayCounterSync, data: [0, 0, 1, 0]))], .informational,
            messageID: 0, isResponse: false)[0]
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let actions = pair.responder.receive(bytes, over: path, at: pair.now, using: &pair.random)
        let counts = actions.compactMap { if case .count(let event) = $0 { event } else { nil } }
        #expect(counts == [.replayCounterSync, .synchronised])
    }
}
