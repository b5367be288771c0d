import Associations
import Testing

@testable import ControlPlane

/// What time and traffic bring about.
@Suite struct LifetimeTests {
    private static let second: UInt64 = 1_000_000_000

    private func pair(_ change: @escaping (inout SessionPolicy.Lifetimes) -> Void) throws -> SessionPair {
        try RekeyTests.established { change(&$0.lifetimes) }
    }

    private func usage(_ change: (inout ChildUsage) -> Void) -> ChildUsage {
        var usage = ChildUsage()
        change(&usage)
        return usage
    }

    @Test func childrenAreRekeyedByTheInitiator() throws {
        var pair = try pair { $0.child = .init(soft: 100 * Self.second, hard: 200 * Self.second) }
        pair.run(until: 1000 * Self.second)
        let count = pair.installed(.initiator).count
        #expect((10...12).contains(count), "\(count)")
        #expect(pair.children(.initiator).count == 1 && pair.disagreements == [])
        // Each was installed before its reply by the end that did not ask.
        #expect(pair.counted(.initiator).isEmpty && pair.counted(.responder).isEmpty)
        #expect(!pair.story(.responder).contains { $0.hasPrefix("refused") })
        let asked = pair.sent[.responder]!.count { IKEHeader($0)?.flags.contains(.response) == false }
        #expect(asked == 0)
    }

    @Test func theIKESAIsRekeyedByTheInitiator() throws {
        var pair = try pair { $0.ike = .init(soft: 1000 * Self.second, hard: 2000 * Self.second) }
        let first = pair.initiator.spis!
        pair.run(until: 10_000 * Self.second)
        #expect(pair.initiator.spis! != first && pair.initiator.spis! == pair.responder.spis!)
        #expect(pair.initiator.spis!.initiator == pair.initiator.spis!.initiator)
        #expect(pair.shells[.initiator]!.claimed.count <= 2 && pair.shells[.responder]!.claimed.count <= 2)
        let asked = pair.sent[.responder]!.count { IKEHeader($0)?.flags.contains(.response) == false }
        #expect(asked == 0)
        #expect(pair.disagreements == [])
    }

    @Test(arguments: RekeyTests.ends) func softLimitsOfTrafficRekey(_ end: SessionPair.End) throws {
        let used: [ChildUsage] = [
            usage { $0.inboundBytes = 1500 }, usage { $0.outboundBytes = 1500 }, usage { $0.inboundPackets = 1500 },
            usage { $0.outboundPackets = 1500 }, usage { $0.sequenceNumber = 1500 },
        ]
        for used in used {
            var pair = try pair {
                let limit = SessionPolicy.Limit(soft: 1000, hard: 2000)
                $0.bytes = limit
                $0.packets = limit
                $0.sequenceNumber = limit
            }
            let old = pair.children(end)[0]
            pair.command(end) { $0.used(old, ChildUsage(), at: $1, using: &$2) }
            pair.settle()
            #expect(pair.children(end) == [old])
            pair.command(end) { $0.used(old, used, at: $1, using: &$2) }
            pair.settle()
            #expect(pair.children(end).count == 1 && pair.children(end) != [old])
            #expect(pair.disagreements == [])
        }
    }

    @Test func aHardLimitEndsAChildAtOnce() throws {
        var pair = try pair { $0.bytes = .init(soft: 1000, hard: 2000) }
        let old = pair.children(.initiator)[0]
        let beyond = usage { $0.outboundBytes = 2000 }
        let actions = pair.initiator.used(old, beyond, at: pair.now, using: &pair.random)
        #expect(actions.compactMap(\.event).last == "delete")
        pair.carry(actions, of: .initiator)
        pair.settle()
        #expect(pair.children(.initiator).count == 1 && pair.children(.initiator) != [old])
        #expect(pair.disagreements == [])
        // The responder has none made anew.
        let next = pair.children(.responder)[0]
        pair.command(.responder) { $0.used(next, beyond, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(.initiator).isEmpty && pair.disagreements == [])
    }

    /// The hard limit comes while a rekey is under way, whose request is lost at first.
    @Test func aHardLimitComesDuringARekey() throws {
        var pair = try pair { $0.bytes = .init(soft: 1000, hard: 2000) }
        let old = pair.children(.initiator)[0]
        pair.weather.lost = 1000
        pair.command(.initiator) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.weather.lost = 0
        let beyond = usage { $0.outboundBytes = 2000 }
        pair.command(.initiator) { $0.used(old, beyond, at: $1, using: &$2) }
        pair.run()
        #expect(pair.children(.initiator).count == 1 && pair.children(.initiator) != [old])
        #expect(pair.disagreements == [])
    }

    @Test func theIKESAEndsAtItsHardLimit() throws {
        var pair = try pair { $0.ike = .init(soft: 100 * Self.second, hard: 200 * Self.second) }
        // A peer that puts every rekey off.
        guard case .established(var established) = pair.responder.state else { return }
        established.closing = .asked
        pair.responder.state = .established(established)
        pair.run()
        #expect(pair.initiator.isClosed)
        #expect(pair.story(.initiator).contains { $0.contains("end of its lifetime") })
        #expect(pair.counted(.initiator).contains(.putOffByPeer))
        #expect(pair.now < 400 * Self.second)
    }

    @Test func theInitiatorIsToldToAuthenticateAnew() throws {
        var pair = try pair { $0.reauthentication = 500 * Self.second }
        pair.command(.initiator) { $0.rekey(at: $1, using: &$2) }
        pair.run(until: 5000 * Self.second)
        #expect(pair.story(.initiator).count { $0 == "reauthenticate" } == 1)
        #expect(!pair.story(.responder).contains("reauthenticate"))
        #expect((450 * Self.second...502 * Self.second).contains(pair.now))
    }

    @Test func aSilentPeerIsFound() throws {
        var pair = try RekeyTests.established { $0.timing.deadPeerAfter = 30 * Self.second }
        pair.run(until: 300 * Self.second)
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        let asked = pair.sent[.initiator]!.count + pair.sent[.responder]!.count
        #expect((4 + 2 * 8...4 + 2 * 12).contains(asked), "\(asked)")
        pair.weather.lost = 1000
        pair.run()
        #expect(pair.story(.initiator).last == "failed: it does not answer INFORMATIONAL")
        #expect(pair.story(.responder).last == "failed: it does not answer INFORMATIONAL")
        #expect(pair.disagreements == [])
    }

    @Test func trafficShowsThatThePeerIsThere() throws {
        var pair = try RekeyTests.established { $0.timing.deadPeerAfter = 30 * Self.second }
        let sent = pair.sent[.initiator]!.count
        for step in UInt64(1)...20 {
            pair.now = step * 10 * Self.second
            for end in RekeyTests.ends {
                let child = pair.children(end)[0]
                let used = usage { $0.inboundPackets = step }
                pair.command(end) { $0.used(child, used, at: $1, using: &$2) }
            }
            pair.run(until: pair.now)
        }
        #expect(pair.sent[.initiator]!.count == sent)
    }
}
