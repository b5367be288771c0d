import Associations
import Testing
import Wire

@testable import ControlPlane

/// The life of an established IKE SA.
@Suite struct InformingTests {
    private func established() throws -> SessionPair {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        return pair
    }

    @Test func aProbeIsAnswered() throws {
        var pair = try established()
        pair.carry(pair.initiator.probe(at: pair.now), of: .initiator)
        #expect(pair.initiator.deadline != nil)
        pair.settle()
        #expect(pair.initiator.deadline == nil)
        pair.carry(pair.responder.probe(at: pair.now), of: .responder)
        pair.settle()
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        #expect(pair.counted(.initiator).isEmpty && pair.counted(.responder).isEmpty)
    }

    @Test func aProbeWithoutAnswerEndsTheSession() throws {
        var pair = try established()
        pair.weather.lost = 1000
        pair.carry(pair.responder.probe(at: pair.now), of: .responder)
        pair.run()
        #expect(
            pair.story(.responder) == ["established", "install", "delete", "failed: it does not answer INFORMATIONAL"])
    }

    @Test(arguments: [SessionPair.End.initiator, .responder]) func eitherEndCloses(_ end: SessionPair.End) throws {
        var pair = try established()
        switch end {
        case .initiator: pair.carry(pair.initiator.close(at: pair.now), of: end)
        case .responder: pair.carry(pair.responder.close(at: pair.now), of: end)
        }
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install", "delete", "closed"])
        #expect(pair.story(.responder) == ["established", "install", "delete", "closed"])
    }

    @Test func bothEndsCloseAtOnce() throws {
        var pair = try established()
        pair.carry(pair.initiator.close(at: pair.now), of: .initiator)
        pair.carry(pair.responder.close(at: pair.now), of: .responder)
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install", "delete", "closed"])
        #expect(pair.story(.responder) == ["established", "install", "delete", "closed"])
    }

    @Test func closingWaitsForTheRequestUnderWay() throws {
        var pair = try established()
        pair.carry(pair.initiator.probe(at: pair.now), of: .initiator)
        #expect(pair.initiator.close(at: pair.now).isEmpty)
        pair.settle()
        #expect(pair.initiator.isClosed && pair.responder.isClosed)
    }

    /// What the initiator's end would send, sealed by its keys, as a request of another exchange.
    private func request(_ pair: SessionPair, _ exchange: ExchangeType, _ payloads: [IKEPayload], id: UInt32) -> [UInt8]
    {
        guard case .established(var established) = pair.initiator.state else { return [] }
        return established.channel.seal(payloads, exchange, messageID: id, isResponse: false)[0]
    }

    private var path: Path { Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress) }

    /// The payloads of the answer among the actions.
    private func answer(_ pair: SessionPair, _ actions: [Session.Action]) throws -> [IKEPayload] {
        guard case .established(let established) = pair.initiator.state else { return [] }
        for case .send(let bytes, _) in actions {
            return try #require(try established.channel.insides(bytes))
        }
        return []
    }

    @Test func otherExchangesAreRefusedByName() throws {
        var pair = try established()
        let newChild = request(pair, .createChildSA, [.nonce(NoncePayload([UInt8](repeating: 1, count: 32)))], id: 2)
        var actions = pair.responder.receive(newChild, over: path, at: pair.now, using: &pair.random)
        #expect(try answer(pair, actions) == [.notify(NotifyPayload(.invalidSyntax))])
        let again = request(pair, .ikeAuth, [], id: 3)
        actions = pair.responder.receive(again, over: path, at: pair.now, using: &pair.random)
        #expect(try answer(pair, actions) == [.notify(NotifyPayload(.invalidSyntax))])
        #expect(pair.responder.isEstablished)
    }

    @Test func aChildSAIsDeletedWithItsPartner() throws {
        var pair = try established()
        let spis = try #require(pair.installed(.initiator).first)
        let request = request(pair, .informational, [.delete(.esp([spis.inbound.spi]))], id: 2)
        let actions = pair.responder.receive(request, over: path, at: pair.now, using: &pair.random)
        #expect(actions.compactMap(\.event) == ["delete"])
        #expect(try answer(pair, actions) == [.delete(.esp([spis.outbound.spi]))])
        #expect(pair.responder.isEstablished)
    }

    @Test func theWindowIsOne() throws {
        var pair = try established()
        let early = request(pair, .informational, [], id: 3)
        let before = contents(of: pair.responder)
        let actions = pair.responder.receive(early, over: path, at: pair.now, using: &pair.random)
        guard actions.count == 1, case .count(.outOfWindow) = actions[0] else {
            Issue.record("\(actions)")
            return
        }
        #expect(contents(of: pair.responder) == before)
    }

    @Test func aRepeatedRequestGetsTheSameBytes() throws {
        var pair = try established()
        let request = request(pair, .informational, [], id: 2)
        let unasked = contents(of: pair.responder)
        let first = pair.responder.receive(request, over: path, at: pair.now, using: &pair.random)
        let before = contents(of: pair.responder)
        #expect(before != unasked)
        let second = pair.responder.receive(request, over: path, at: pair.now, using: &pair.random)
        guard case .send(let one, _) = first.last, case .send(let other, _) = second.last else {
            Issue.record("not answered")
            return
        }
        #expect(one == other)
        #expect(contents(of: pair.responder) == before)
    }
}
