import Associations
import Testing

@testable import ControlPlane

/// Several Child SAs with the same selectors, for resources (RFC 9611).
@Suite struct ParallelChildTests {
    @Test(arguments: RekeyTests.ends) func thereAreAsManyAsThePeerTakes(_ end: SessionPair.End) throws {
        var pair = try RekeyTests.established { $0.maximumParallelChildren = 3 }
        for number in UInt8(0)..<4 {
            pair.command(end) { $0.addChild(resource: [0, 0, 0, number], at: $1, using: &$2) }
            pair.settle()
        }
        #expect(pair.children(.initiator).count == 3)
        #expect(pair.story(end).count { $0 == "refused: it refused the Child SA by TS_MAX_QUEUE" } == 2)
        #expect(pair.disagreements == [])
        // What is for no resource is bound by the policy's other number.
        pair.command(end) { $0.addChild(at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(.initiator).count == 4 && pair.disagreements == [])
        // Each is rekeyed for itself.
        for child in pair.children(end) {
            pair.command(end) { $0.rekeyChild(child, at: $1, using: &$2) }
            pair.settle()
        }
        #expect(pair.children(.initiator).count == 4 && pair.disagreements == [])
    }

    /// Who asked for it hears what came of it.
    @Test func theResourceIsToldOfWhatIsMadeAndWhatIsNot() throws {
        var pair = try RekeyTests.established { $0.maximumParallelChildren = 2 }
        for number in UInt8(0)..<2 {
            pair.command(.initiator) { $0.addChild(resource: [number], at: $1, using: &$2) }
            pair.settle()
        }
        let made = pair.actions[.initiator]!.compactMap { action in
            if case .install(let child, _) = action { child.resource } else { nil }
        }
        #expect(made == [[0]])
        #expect(pair.story(.initiator).contains("not made: [1]"))
        #expect(!pair.story(.initiator).contains("not made: [0]"))
        #expect(
            !pair.actions[.responder]!.contains {
                if case .install(let child, _) = $0 { child.resource != nil } else { false }
            })
    }

    /// The notification goes both ways, with our resource in ours.
    @Test func theResourceIsNamed() throws {
        var pair = try RekeyTests.established()
        let count = pair.sent[.initiator]!.count
        pair.command(.initiator) { $0.addChild(resource: [7], at: $1, using: &$2) }
        pair.settle()
        func notification(_ bytes: [UInt8], at end: SessionPair.End) throws -> NotifyPayload? {
            try pair[end].channel?.insides(bytes)?.notification(.saResourceInfo)
        }
        #expect(try notification(pair.sent[.initiator]![count], at: .responder)?.data == [7])
        #expect(try notification(pair.sent[.responder]!.last!, at: .initiator)?.data == [])
    }
}
