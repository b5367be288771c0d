import Associations
import Testing

@testable import ControlPlane

/// What a request is answered with that crosses one of ours (RFC 7296 §2.25).
@Suite struct CrossingTests {
    /// What the responder answers to the initiator's command while the answer to its own is awaited.
    private func answer(
        to theirs: Collision.Command, while ours: Collision.Command
    ) throws -> (payloads: [IKEPayload], pair: SessionPair) {
        var pair = try RekeyTests.established()
        var requests: [SessionPair.End: [UInt8]] = [:]
        for (end, command) in [(SessionPair.End.responder, ours), (.initiator, theirs)] {
            let child = pair.children(end)[0]
            var session = pair[end]
            let actions = command.run(&session, child, at: pair.now, using: &pair.random)
            pair[end] = session
            for case .send(let bytes, _) in actions { requests[end] = bytes }
        }
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let actions = pair.responder.receive(
            try #require(requests[.initiator]), over: path, at: pair.now, using: &pair.random)
        guard case .established(let established) = pair.initiator.state else { return ([], pair) }
        for case .send(let bytes, _) in actions {
            return (try #require(try established.channel.insides(bytes)), pair)
        }
        return ([], pair)
    }

    @Test(arguments: [
        (Collision.Command.rekeyChild, Collision.Command.rekeyIKE), (.addChild, .rekeyIKE),
        (.rekeyChild, .close), (.addChild, .close), (.rekeyIKE, .close),
        (.rekeyIKE, .rekeyChild), (.rekeyIKE, .addChild), (.rekeyIKE, .deleteChild), (.rekeyChild, .deleteChild),
    ]) func itIsPutOff(_ theirs: Collision.Command, _ ours: Collision.Command) throws {
        let answer = try answer(to: theirs, while: ours)
        #expect(answer.payloads == [.notify(NotifyPayload(.temporaryFailure))])
    }

    @Test(arguments: [
        (Collision.Command.rekeyChild, Collision.Command.rekeyChild), (.rekeyIKE, .rekeyIKE), (.addChild, .addChild),
        (.addChild, .rekeyChild), (.rekeyIKE, .probe), (.rekeyChild, .probe),
    ]) func itIsAnsweredAsUsual(_ theirs: Collision.Command, _ ours: Collision.Command) throws {
        let answer = try answer(to: theirs, while: ours)
        #expect(answer.payloads.securityAssociation != nil && answer.payloads.nonce != nil)
    }

    @Test(arguments: [Collision.Command.rekeyChild, .rekeyIKE, .addChild])
    func aDeleteIsAnsweredByItsPartner(_ ours: Collision.Command) throws {
        let answer = try answer(to: .deleteChild, while: ours)
        let child = try #require(answer.pair.children(.initiator).first)
        #expect(answer.payloads == [.delete(.esp([child.outbound]))])
    }

    @Test func aDeleteOfWhatIsBeingDeletedIsAnsweredByNothing() throws {
        #expect(try answer(to: .deleteChild, while: .deleteChild).payloads.isEmpty)
        #expect(try answer(to: .close, while: .close).payloads.isEmpty)
        #expect(try answer(to: .close, while: .rekeyIKE).payloads.isEmpty)
    }

    /// The peer does not know it any more: it goes without a word, and another is made (RFC 7296 §2.25).
    @Test func aLostChildIsMadeAnew() throws {
        var pair = try RekeyTests.established()
        let lost = pair.children(.initiator)[0]
        guard case .established(var established) = pair.responder.state else { return }
        let gone = established.children.removeFirst()
        pair.responder.state = .established(established)
        pair.carry([.delete(gone.spis)], of: .responder)
        pair.command(.initiator) { $0.rekeyChild(lost, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.story(.initiator).contains("refused: it refused the Child SA by CHILD_SA_NOT_FOUND"))
        #expect(pair.children(.initiator).count == 1 && pair.children(.initiator) != [lost])
        #expect(pair.disagreements == [])
    }

    /// A peer that asks for something through its own successor of the IKE SA has not seen ours.
    @Test func whoUsesItsSuccessorIsTakenAtItsWord() throws {
        var pair = try RekeyTests.established()
        let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        let there = Path(local: here.remote, remote: here.local)
        func bytes(_ actions: [Session.Action]) throws -> [UInt8] {
            try #require(actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }.first)
        }
        let request = try bytes(pair.initiator.rekey(at: pair.now, using: &pair.random))
        // The responder's own is lost.
        _ = pair.responder.rekey(at: pair.now, using: &pair.random)
        let answer = try bytes(pair.responder.receive(request, over: there, at: pair.now, using: &pair.random))
        // Its DELETE of the old one is lost as well.
        _ = pair.initiator.receive(answer, over: here, at: pair.now, using: &pair.random)
        let child = pair.children(.initiator)[0]
        let next = try bytes(pair.initiator.rekeyChild(child, at: pair.now, using: &pair.random))
        let actions = pair.responder.receive(next, over: there, at: pair.now, using: &pair.random)
        #expect(actions.compactMap(\.event) == ["install"])
        #expect(pair.initiator.spis! == pair.responder.spis!)
    }
}
