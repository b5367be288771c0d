import Associations
import Testing
import Wire

@testable import ControlPlane

/// Transport mode through a NAT (RFC 7296 §2.23.1): each end's selectors name the addresses that it sees.
@Suite struct TransportNATTests {
    private func established(remote: String) throws -> SessionPair {
        var pair = SessionPair(
            try .sample(.initiator, local: ["10.0.0.1"], remote: ["192.0.2.1"], mode: .transport),
            try .sample(.responder, local: ["192.0.2.1"], remote: [remote], mode: .transport))
        pair.hasNAT = true
        pair.start()
        pair.settle()
        return pair
    }

    private func expectSubstituted(_ pair: SessionPair, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let mine = try #require(pair.installed(.initiator).last)
        let theirs = try #require(pair.installed(.responder).last)
        #expect(mine.inbound.selectors.local == [AddressRange("10.0.0.1")!], sourceLocation: sourceLocation)
        #expect(mine.inbound.selectors.remote == [AddressRange("192.0.2.1")!], sourceLocation: sourceLocation)
        #expect(theirs.inbound.selectors.remote == [AddressRange("203.0.113.7")!], sourceLocation: sourceLocation)
        #expect(theirs.inbound.selectors.local == [AddressRange("192.0.2.1")!], sourceLocation: sourceLocation)
        #expect(mine.outbound.key.matches(theirs.inbound.key), sourceLocation: sourceLocation)
        #expect(theirs.outbound.destination == SessionPair.natAddress, sourceLocation: sourceLocation)
    }

    @Test(arguments: ["203.0.113.7", "0.0.0.0/0"]) func bothEndsNameWhatTheySee(_ remote: String) throws {
        try expectSubstituted(established(remote: remote))
    }

    @Test(arguments: RekeyTests.ends) func alsoAfterARekeyByEitherEnd(_ end: SessionPair.End) throws {
        var pair = try established(remote: "203.0.113.7")
        let old = pair.children(end)[0]
        pair.command(end) { $0.rekeyChild(old, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.children(end).count == 1 && pair.children(end)[0] != old)
        try expectSubstituted(pair)
    }

    /// A network cannot be behind the one address of a NAT in this mode.
    @Test func moreThanOneHostIsRefused() throws {
        var pair = SessionPair(
            try .sample(.initiator, local: ["10.0.0.0/24"], remote: ["192.0.2.1"], mode: .transport),
            try .sample(.responder, local: ["192.0.2.1"], remote: ["0.0.0.0/0"], mode: .transport))
        pair.hasNAT = true
        pair.start()
        pair.settle()
        #expect(pair.children(.initiator).isEmpty && pair.children(.responder).isEmpty)
        #expect(pair.story(.responder).contains { $0.hasPrefix("refused: TS_UNACCEPTABLE") })
    }
}
