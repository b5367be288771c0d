import Associations
import Testing

@testable import ControlPlane

/// The wait for a verdict.
@Suite struct JudgingTests {
    /// A responder that was just asked, and the request that asked it.
    private func judging() throws -> (pair: SessionPair, request: [UInt8], path: Path) {
        var pair = try SessionPair.signing("ecdsa256", "ecdsa256")
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let there = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        func sent(_ actions: [Session.Action]) throws -> [UInt8] {
            try #require(actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }.last)
        }
        let first = try sent(pair.initiator.start(there, at: 0, using: &pair.random))
        let answer = try sent(pair.responder.receive(first, over: path, at: 0, using: &pair.random))
        let request = try sent(pair.initiator.receive(answer, over: there, at: 0, using: &pair.random))
        return (pair, request, path)
    }

    @Test func nothingIsJudgedBeforeItsMessageIsVerified() throws {
        var (pair, request, path) = try judging()
        let before = contents(of: pair.responder)
        for bit in 0..<request.count * 8 where bit % 7 == 0 {
            var forged = request
            forged[bit / 8] ^= 1 << (bit % 8)
            for action in pair.responder.receive(forged, over: path, at: 0, using: &pair.random) {
                if case .judge = action { Issue.record("bit \(bit) was judged") }
            }
        }
        #expect(contents(of: pair.responder) == before)
        guard case .judge(let certificate) = pair.responder.receive(request, over: path, at: 0, using: &pair.random)[0]
        else { preconditionFailure("not asked") }
        #expect(certificate.policy == "b.example")
        #expect(certificate.identification == .name("a.example"))
        #expect(certificate.certificates.count == 2)
    }

    @Test func copiesOfTheRequestWaitWithoutATrace() throws {
        var (pair, request, path) = try judging()
        _ = pair.responder.receive(request, over: path, at: 0, using: &pair.random)
        let before = contents(of: pair.responder)
        for _ in 0..<100 {
            let actions = pair.responder.receive(request, over: path, at: 1, using: &pair.random)
            guard actions.count == 1, case .count(.awaitingVerdict) = actions[0] else {
                Issue.record("\(actions)")
                return
            }
        }
        #expect(contents(of: pair.responder) == before)
        let verdict = CertificateVerdict.accepted(
            publicKeyInfo: try CertificateSample.credential("ecdsa256").key.publicKeyInfo)
        let actions = pair.responder.judged(verdict, at: 2, using: &pair.random)
        #expect(actions.compactMap(\.event) == ["established", "install"])
        // From now on the copies get the answer.
        let again = pair.responder.receive(request, over: path, at: 3, using: &pair.random)
        let answers = [actions, again].map { $0.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } } }
        #expect(answers[0] == answers[1] && answers[0].count == 1)
        #expect(pair.responder.judged(verdict, at: 4, using: &pair.random).isEmpty)
    }

    @Test func aVerdictHasToComeInTime() throws {
        var (pair, request, path) = try judging()
        _ = pair.responder.receive(request, over: path, at: 0, using: &pair.random)
        let deadline = try #require(pair.responder.deadline)
        #expect(pair.responder.tick(at: deadline - 1, using: &pair.random).isEmpty)
        #expect(
            pair.responder.tick(at: deadline, using: &pair.random).compactMap(\.event) == [
                #"failed: the certificate of a.example was not judged in time"#
            ])
        #expect(pair.responder.judged(.refused("late"), at: deadline, using: &pair.random).isEmpty)
    }

    @Test func whoClosesDoesNotWait() throws {
        var (pair, request, path) = try judging()
        _ = pair.responder.receive(request, over: path, at: 0, using: &pair.random)
        #expect(pair.responder.close(at: 1).compactMap(\.event) == ["closed"])
        #expect(pair.responder.judged(.refused("late"), at: 2, using: &pair.random).isEmpty)
    }

    /// Loss, copies, delays, and a verdict that takes its time.
    @Test func badWeather() throws {
        var established = 0
        for seed in UInt64(1)...60 {
            let keys = CertificateSample.keys
            var pair = try SessionPair.signing(keys[Int(seed) % 5], keys[Int(seed / 5) % 5], seed: seed)
            // Every other pair cuts its certificates in pieces.
            pair.cut(to: seed % 2 == 0 ? 576 : nil)
            pair.weather = SessionPair.Weather(lost: 250, doubled: 200, delay: 3_000_000_000, garbled: 20)
            pair.start()
            pair.run()
            guard pair.initiator.isEstablished else {
                #expect(pair.story(.initiator).last?.hasPrefix("failed: ") == true, "seed \(seed)")
                continue
            }
            established += 1
            #expect(pair.responder.isEstablished, "seed \(seed)")
            #expect(pair.story(.responder) == ["established", "install"], "seed \(seed)")
            let pieces = pair.counted(.responder).count { $0 == .fragmentKept }
            #expect(seed % 2 == 0 ? pieces > 0 : pieces == 0, "seed \(seed)")
            let judged = pair.actions[.responder]!.count { if case .judge = $0 { true } else { false } }
            #expect(judged == 1, "seed \(seed)")
        }
        #expect(established >= 50, "\(established)")
    }
}
