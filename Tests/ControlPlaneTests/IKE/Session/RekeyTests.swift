import Associations
import Testing

@testable import ControlPlane

/// CREATE_CHILD_SA between two ends that do not cross each other.
@Suite struct RekeyTests {
    static let ends: [SessionPair.End] = [.initiator, .responder]

    static func established(
        _ proposals: [String] = ["aes128gcm16-prfsha256-x25519"], child: [String] = ["aes128gcm16"],
        peerChild: [String]? = nil, change: (inout SessionPolicy) -> Void = { _ in }
    ) throws -> SessionPair {
        var policies = try [
            SessionPolicy.sample(.initiator, proposals: proposals, child: child),
            SessionPolicy.sample(.responder, proposals: proposals, child: peerChild ?? child),
        ]
        for index in policies.indices { change(&policies[index]) }
        var pair = SessionPair(policies[0], policies[1])
        pair.start()
        pair.settle()
        return pair
    }

    @Test(arguments: ends) func aChildIsRekeyed(_ end: SessionPair.End) throws {
        var pair = try Self.established()
        let old = pair.children(end)[0]
        pair.command(end) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.settle()
        let other: SessionPair.End = end == .initiator ? .responder : .initiator
        #expect(pair.story(end) == ["established", "install", "install", "delete"])
        #expect(pair.story(other) == ["established", "install", "install", "delete"])
        #expect(pair.children(end).count == 1 && pair.children(end)[0] != old)
        #expect(pair.disagreements == [])
    }

    @Test(arguments: ends) func aChildIsRekeyedWithAKeyExchange(_ end: SessionPair.End) throws {
        var pair = try Self.established(child: ["aes128gcm16-x25519"])
        let old = pair.children(end)[0]
        pair.command(end) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(end).count == 1 && pair.children(end)[0] != old)
        #expect(pair.disagreements == [])
    }

    @Test func anotherGroupIsAskedForAChild() throws {
        var pair = try Self.established(child: ["aes128gcm16-ecp256-x25519"], peerChild: ["aes128gcm16-x25519"])
        let old = pair.children(.initiator)[0]
        pair.command(.initiator) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.story(.responder).contains { $0.hasPrefix("refused: INVALID_KE_PAYLOAD") })
        #expect(pair.children(.initiator).count == 1 && pair.children(.initiator)[0] != old)
        #expect(pair.disagreements == [])
    }

    @Test(arguments: ends) func theIKESAIsRekeyed(_ end: SessionPair.End) throws {
        var pair = try Self.established()
        let before = pair.initiator.spis!
        let children = pair.children(end)
        pair.command(end) { $0.rekey(at: $1, using: &$2) }
        pair.settle()
        let after = pair.initiator.spis!
        #expect(after != before && after == pair.responder.spis!)
        #expect(pair.children(end) == children)
        #expect(pair.disagreements == [])
        for end in Self.ends {
            pair.command(end) { session, now, _ in session.probe(at: now) }
            pair.settle()
        }
        // The old one is kept by the end that was asked to delete it, to repeat its answer, and then given up.
        pair.run()
        #expect(pair.shells[.initiator]!.claimed.count == 1 && pair.shells[.responder]!.claimed.count == 1)
        #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        let third = pair.children(end)[0]
        pair.command(end) { $0.rekeyChild(third, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(end).count == 1 && pair.disagreements == [])
    }

    @Test func anotherGroupIsAskedForTheIKESA() throws {
        var pair = try Self.established(["aes128gcm16-prfsha256-ecp256-x25519"])
        // The responder will have the second one only.
        let narrow = try SessionPolicy.sample(.responder, proposals: ["aes128gcm16-prfsha256-x25519"])
        let state = pair.responder.state
        pair.responder = Session(narrow)
        pair.responder.state = state
        let before = pair.initiator.spis!
        pair.command(.initiator) { $0.rekey(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.initiator.spis! != before && pair.initiator.spis! == pair.responder.spis!)
        #expect(pair.disagreements == [])
    }

    @Test(arguments: ends) func oneMoreChild(_ end: SessionPair.End) throws {
        var pair = try Self.established()
        pair.command(end) { $0.addChild(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(.initiator).count == 2)
        #expect(pair.disagreements == [])
        let first = pair.children(end)[0]
        pair.command(end) { $0.deleteChild(first, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(.initiator).count == 1 && !pair.children(end).contains(first))
        #expect(pair.disagreements == [])
    }

    @Test func thereAreNoMoreThanThePolicyAllows() throws {
        var pair = try Self.established { $0.maximumChildren = 3 }
        for _ in 0..<5 { pair.command(.initiator) { $0.addChild(at: $1, using: &$2) } }
        pair.settle()
        #expect(pair.children(.initiator).count == 3)
        #expect(pair.story(.initiator).count { $0.hasPrefix("refused: NO_ADDITIONAL_SAS") } == 3)
        // The other end's word counts as well.
        let wide = pair.initiator.state
        var policy = pair.initiator.policy
        policy.maximumChildren = 10
        pair.initiator = Session(policy)
        pair.initiator.state = wide
        pair.command(.initiator) { $0.addChild(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.story(.initiator).last == "refused: it refused the Child SA by NO_ADDITIONAL_SAS")
        #expect(pair.children(.initiator).count == 3 && pair.disagreements == [])
        // A rekey is not one more.
        let first = pair.children(.initiator)[0]
        pair.command(.initiator) { $0.rekeyChild(first, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(.initiator).count == 3 && !pair.children(.initiator).contains(first))
        #expect(pair.disagreements == [])
    }

    /// The end that was asked sends through the new one when the old one is deleted, or when the peer does.
    @Test func theOldOneIsUsedUntilThePeerUsesTheNew() throws {
        var pair = try Self.established()
        let old = pair.children(.initiator)[0]
        var random = SeededGenerator(seed: 9)
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let asked = pair.initiator.rekeyChild(old, at: pair.now, using: &random)
        guard case .send(let request, _) = asked.last else { return }
        let answered = pair.responder.receive(request, over: path, at: pair.now, using: &random)
        #expect(!answered.contains { if case .use = $0 { true } else { false } })
        guard case .install(let new, replacing: let replaced) = answered.first else {
            Issue.record("\(answered)")
            return
        }
        #expect(replaced == ChildSPIs(inbound: old.outbound, outbound: old.inbound))
        guard case .use(let used) = pair.responder.peerUses(new.spis).first else {
            Issue.record("not used")
            return
        }
        #expect(used == new.spis)
        #expect(pair.responder.peerUses(new.spis).isEmpty)
    }
}
