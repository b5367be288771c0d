import Associations
import ControlPlane
import Testing

/// A member in the router's own process, beside those of a link.
@Suite struct LocalLinkTests {
    /// The other link: says that it was asked.
    private struct Elsewhere: RouterLink {
        func takeEvents() -> [RouterLinkEvent] { [.turnedAway("elsewhere")] }
        func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool { connection.rawValue == 7 }
        func close(_ connection: LinkConnection) {}
        var counts: [String: UInt64] { ["elsewhere": 1] }
        func stop() {}
    }

    private let link = LocalLink(member: "r1")

    private func joined(_ events: [RouterLinkEvent]) -> LinkConnection? {
        for case .joined("r1", let connection) in events { return connection }
        return nil
    }

    private let entries = RouterMessage.entries(first: 1, [.begin])

    @Test func messagesGoBothWaysBesideTheOtherLinks() throws {
        let router = link.router(beside: Elsewhere()) {}
        #expect(joined(router.takeEvents()) == nil, "nobody has joined")
        let member = link.join {}
        let connection = try #require(joined(router.takeEvents()))
        #expect(router.send(entries, to: connection))
        #expect(router.send(entries, to: LinkConnection(rawValue: 7)), "the other link's")
        #expect(!router.send(entries, to: LinkConnection(rawValue: 8)))
        let events = member.takeEvents()
        #expect(events.count == 2)
        if case .connected = events[0], case .message(.entries(1, _)) = events[1] {} else { Issue.record("\(events)") }
        #expect(member.send(.leaving("test")))
        guard case .message(connection, .leaving("test")) = router.takeEvents().first else {
            Issue.record("the member was not heard")
            return
        }
        #expect(router.counts == ["elsewhere": 1])
    }

    @Test func aConnectionThatEndsIsFollowedByAnother() throws {
        let router = link.router(beside: Elsewhere()) {}
        let member = link.join {}
        let first = try #require(joined(router.takeEvents()))
        router.close(first)
        let events = router.takeEvents()
        guard case .left(first, _) = events.first else {
            Issue.record("it has not ended")
            return
        }
        let second = try #require(joined(events))
        #expect(second != first)
        #expect(!router.send(entries, to: first), "of a connection that is over")
        router.close(first)
        #expect(joined(router.takeEvents()) == nil, "a second end of the same connection is none")
        member.disconnect()
        #expect(joined(router.takeEvents()) != nil)
        member.stop()
        #expect(!member.send(.leaving("test")))
    }
}
