import Associations
import Testing

@testable import ControlPlane

/// Rekeys and all else from both ends, on networks that lose, double and delay.
@Suite struct RekeyWeatherTests {
    private func run(
        _ seed: UInt64, ike: String = "aes128gcm16-prfsha256-x25519", child: String? = nil
    ) throws -> SessionPair {
        let plain = seed % 2 == 0 ? "aes128gcm16" : "aes128gcm16-x25519"
        var pair = try RekeyTests.established([ike], child: [child ?? plain]) {
            // So patient that no peer is given up for bad luck.
            $0.timing.transmissions = 14
            $0.timing.linger = 1 << 55
            $0.maximumChildren = 4
        }
        pair.random = SeededGenerator(seed: seed)
        pair.weather = SessionPair.Weather(lost: 200, doubled: 200, delay: 3_000_000_000)
        for _ in 0..<20 {
            pair.now += pair.random.next() % 5_000_000_000
            pair.run(until: pair.now)
            let end: SessionPair.End = pair.random.next() % 2 == 0 ? .initiator : .responder
            let children = pair.children(end)
            let choice = pair.random.next() % 10
            pair.command(end) { session, now, random in
                switch choice {
                case 0...2: return session.rekey(at: now, using: &random)
                case 3: return session.addChild(at: now, using: &random)
                case 4: return session.probe(at: now)
                default:
                    guard !children.isEmpty else { return session.addChild(at: now, using: &random) }
                    let child = children[Int(random.next() % UInt64(children.count))]
                    return choice == 5
                        ? session.deleteChild(child, at: now, using: &random)
                        : session.rekeyChild(child, at: now, using: &random)
                }
            }
        }
        pair.run()
        return pair
    }

    @Test func theEndsAgreeInTheEnd() throws {
        var collisions = 0
        var putOff = 0
        for seed in UInt64(1)...200 {
            let pair = try run(seed)
            #expect(pair.initiator.isEstablished && pair.responder.isEstablished, "seed \(seed)")
            #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil, "seed \(seed)")
            #expect(pair.disagreements == [], "seed \(seed)")
            #expect(pair.initiator.spis! == pair.responder.spis!, "seed \(seed)")
            #expect(pair.shells.values.allSatisfy { $0.claimed.count == 1 }, "seed \(seed)")
            collisions += pair.counted(.initiator).count { $0 == .collision }
            putOff += pair.counted(.initiator).count { $0 == .putOff }
        }
        #expect(collisions > 20 && putOff > 20, "\(collisions), \(putOff)")
    }

    /// With further key exchanges, where whatever crosses has more time for it. Few seeds have ML-KEM, whose answers are
    /// not of the seed.
    @Test func theEndsAgreeInTheEndWithFollowUps() throws {
        var collisions = 0
        var putOff = 0
        for seed in UInt64(1)...120 {
            let rounds = seed % 10 == 0 ? "ke1_mlkem768-ke3_ecp384" : "ke2_ecp256"
            let pair = try run(
                seed, ike: "aes128gcm16-prfsha256-x25519-\(rounds)",
                child: seed % 3 == 0 ? nil : "aes128gcm16-x25519-\(rounds)")
            #expect(pair.initiator.isEstablished && pair.responder.isEstablished, "seed \(seed)")
            #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil, "seed \(seed)")
            #expect(pair.disagreements == [], "seed \(seed)")
            #expect(pair.initiator.spis! == pair.responder.spis!, "seed \(seed)")
            #expect(pair.shells.values.allSatisfy { $0.claimed.count == 1 }, "seed \(seed)")
            collisions += pair.counted(.initiator).count { $0 == .collision }
            putOff += pair.counted(.initiator).count { $0 == .putOff }
        }
        #expect(collisions > 10 && putOff > 20, "\(collisions), \(putOff)")
    }

    /// What is held does not grow with what has been.
    @Test func manyRekeysLeaveTheStateWhereItWas() throws {
        var pair = try RekeyTests.established()
        func size() -> Int { contents(of: pair.initiator).count + contents(of: pair.responder).count }
        var sizes: Set<Int> = []
        for round in 0..<2000 {
            let end: SessionPair.End = round % 3 == 0 ? .responder : .initiator
            pair.command(end) { session, now, random in
                guard case .established(let established) = session.state else { return [] }
                return round % 2 == 0
                    ? session.rekey(at: now, using: &random)
                    : session.rekeyChild(established.children[0].spis, at: now, using: &random)
            }
            pair.settle()
            pair.forget()
            if round > 50 && round % 100 == 0 { sizes.insert(size()) }
            #expect(pair.shells.values.allSatisfy { $0.claimed.count <= Established.maximumAssociations })
        }
        #expect(sizes.count == 1, "\(sizes)")
        #expect(pair.children(.initiator).count == 1 && pair.disagreements == [])
    }
}
