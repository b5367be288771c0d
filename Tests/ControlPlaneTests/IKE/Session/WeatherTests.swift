import Associations
import Testing
import Wire

@testable import ControlPlane

/// Networks that lose, double, delay and change datagrams.
@Suite struct WeatherTests {
    private func run(_ seed: UInt64, garbled: Int) throws -> SessionPair {
        var pair = SessionPair(
            try .sample(.initiator, proposals: ["aes128gcm16-prfsha256-ecp256-x25519"]), try .sample(.responder),
            seed: seed)
        pair.weather = SessionPair.Weather(lost: 300, doubled: 200, delay: 3_000_000_000, garbled: garbled)
        pair.hasNAT = seed % 3 == 0
        if seed % 2 == 0 {
            pair.gate = CookieGate(secret: SecretBytes([UInt8](repeating: 7, count: 16)), threshold: 0)
        }
        pair.start()
        pair.run()
        return pair
    }

    /// 300 s: the initiator's two exchanges and its repetitions, 127 s each, and what is late.
    private func expectEnd(_ pair: SessionPair, _ seed: UInt64) {
        #expect(pair.now < 300_000_000_000, "seed \(seed)")
        #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil, "seed \(seed)")
        let hasFailed = pair.story(.initiator).last?.hasPrefix("failed: ") == true
        #expect(pair.initiator.isEstablished || pair.initiator.isClosed && hasFailed, "seed \(seed)")
        guard pair.initiator.isEstablished else { return }
        #expect(pair.responder.isEstablished, "seed \(seed)")
        let mine = pair.installed(.initiator)
        let theirs = pair.installed(.responder)
        #expect(mine.count == 1 && theirs.count == 1, "seed \(seed)")
        guard let one = mine.first, let other = theirs.first else { return }
        #expect(one.outbound.key.matches(other.inbound.key), "seed \(seed)")
        #expect(other.outbound.key.matches(one.inbound.key), "seed \(seed)")
        #expect(one.inbound.spi == other.outbound.spi && one.outbound.spi == other.inbound.spi, "seed \(seed)")
    }

    @Test func lossDuplicationAndDelayHaveANamedEnd() throws {
        var established = 0
        for seed in UInt64(1)...300 {
            let pair = try run(seed, garbled: 0)
            expectEnd(pair, seed)
            if pair.initiator.isEstablished { established += 1 }
        }
        // All seven transmissions of an exchange are lost, or their answers, about once in a hundred.
        #expect(established >= 285, "\(established)")
    }

    @Test func changedBytesHaveANamedEndToo() throws {
        var established = 0
        for seed in UInt64(1001)...1150 {
            let pair = try run(seed, garbled: 100)
            expectEnd(pair, seed)
            if pair.initiator.isEstablished { established += 1 }
        }
        #expect(established > 50)
    }

    @Test func oneSeedIsOneStory() throws {
        let one = try run(42, garbled: 50)
        let other = try run(42, garbled: 50)
        #expect(one.sent == other.sent)
        #expect(one.story(.initiator) == other.story(.initiator))
    }

    /// Every datagram of a handshake once more, at both ends.
    @Test func replayChangesNothing() throws {
        var pair = SessionPair(try .sample(.initiator), try .sample(.responder))
        pair.start()
        pair.settle()
        let initiator = contents(of: pair.initiator)
        let responder = contents(of: pair.responder)
        let there = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        for bytes in pair.sent.values.flatMap({ $0 }) {
            let atResponder = pair.responder.receive(bytes, over: there, at: pair.now, using: &pair.random)
            let atInitiator = pair.initiator.receive(bytes, over: here, at: pair.now, using: &pair.random)
            #expect((atResponder + atInitiator).allSatisfy { $0.event == nil })
            for case .send(let again, _) in atResponder { #expect(pair.sent[.responder]!.contains(again)) }
        }
        #expect(contents(of: pair.initiator) == initiator)
        #expect(contents(of: pair.responder) == responder)
    }

    /// One bit of each byte of both IKE_AUTH messages, where they are waited for.
    @Test func garbledIKEAuthChangesNothing() throws {
        var random = SeededGenerator(seed: 5)
        var initiator = Session(try .sample(.initiator))
        var responder = Session(try .sample(.responder))
        let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        let there = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        func datagram(_ actions: [Session.Action]) throws -> [UInt8] {
            for case .send(let bytes, _) in actions { return bytes }
            throw Session.Failure.cookies
        }
        let initRequest = try datagram(initiator.start(here, at: 0, using: &random))
        let initResponse = try datagram(responder.receive(initRequest, over: there, at: 0, using: &random))
        let request = try datagram(initiator.receive(initResponse, over: here, at: 0, using: &random))
        try expectNothing(of: request, at: &responder, over: there)
        let response = try datagram(responder.receive(request, over: there, at: 0, using: &random))
        try expectNothing(of: response, at: &initiator, over: here)
        let end = initiator.receive(response, over: here, at: 0, using: &random)
        #expect(end.compactMap(\.event) == ["established", "install"])
        try expectNothing(of: request, at: &responder, over: there)
    }

    private func expectNothing(of datagram: [UInt8], at session: inout Session, over path: Path) throws {
        var random = SeededGenerator(seed: 6)
        let before = contents(of: session)
        for index in datagram.indices {
            var garbled = datagram
            garbled[index] ^= UInt8(1 << (index % 8))
            let actions = session.receive(garbled, over: path, at: 0, using: &random)
            #expect(actions.count == 1 && actions[0].event == nil, "byte \(index)")
            guard case .count = actions.first else {
                Issue.record("byte \(index): \(actions)")
                return
            }
            for count in [0, index] {
                _ = session.receive(Array(datagram.prefix(count)), over: path, at: 0, using: &random)
            }
        }
        #expect(contents(of: session) == before)
    }
}
