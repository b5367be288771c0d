import Associations
import Synchronization
import Testing
import Wire

@testable import ControlPlane

/// What the control threads say of a link that ends again and again: once.
@Suite struct ControlLogTests {
    @Test func aTargetSaysOnceThatTheRouterIsGone() async throws {
        let link = FakeMemberLink()
        let log = Lines()
        let control = try TargetControl(
            MemberMessage.Hello(
                member: "t1", incarnation: 1, epoch: Epoch(rawValue: 1), policyHash: [], transforms: []),
            hooks: TargetControl.Hooks(
                link: { nudge in link.nudged(by: nudge) }, apply: { _ in }, protect: { _, _ in },
                report: { MemberMessage.Report() }, log: { log.say($0) }))
        defer { control.stop() }
        for _ in 0..<3 { link.put([.connected, .disconnected(why: "its key is another")]) }
        link.put([.connected, .disconnected(why: "nobody there")])
        #expect(await log.reach("link: the router is gone: nobody there"))
        #expect(log.all == ["link: the router is gone: its key is another", "link: the router is gone: nobody there"])
    }

    @Test func aTargetWhoseLoopStandsStillTakesItselfOut() async throws {
        let link = FakeMemberLink()
        let log = Lines()
        var hooks = TargetControl.Hooks(
            link: { nudge in link.nudged(by: nudge) }, apply: { _ in }, protect: { _, _ in },
            report: { MemberMessage.Report() }, log: { log.say($0) })
        hooks.rounds = { 7 }
        hooks.withdraw = { _ in log.say("withdrawn") }
        let control = try TargetControl(
            MemberMessage.Hello(
                member: "t1", incarnation: 1, epoch: Epoch(rawValue: 1), policyHash: [], transforms: []), hooks: hooks)
        defer { control.stop() }
        #expect(await log.reach("withdrawn"))
        #expect(log.all.filter { $0 == "withdrawn" }.count == 1)
    }

    @Test func aRouterWhoseLoopStandsStillTakesItselfOut() async throws {
        let link = FakeRouterLink()
        let log = Lines()
        var hooks = RouterControl.Hooks.silent(link, log)
        hooks.rounds = { 7 }
        hooks.withdraw = { log.say("withdrawn: \($0.prefix(while: { !$0.isNumber }))") }
        let control = try RouterControl(
            RouterControl.Settings(targets: ["t1"], policyHash: [], epoch: Epoch(rawValue: 1)), hooks: hooks)
        defer { control.stop() }
        #expect(await log.reach("withdrawn: its packet loop has not moved for "))
        #expect(log.all.count == 1)
    }

    /// One that has not begun yet, and one that moves, go on; the end of the wait is the first one's illness.
    @Test func aRouterWhoseLoopMovesStays() async throws {
        let (ill, well, new) = (Lines(), Lines(), Lines())
        let moved = Atomic<UInt64>(0)
        func control(_ log: Lines, _ rounds: @escaping @Sendable () -> UInt64) throws -> RouterControl {
            var hooks = RouterControl.Hooks.silent(FakeRouterLink(), log)
            hooks.rounds = rounds
            hooks.withdraw = { _ in log.say("withdrawn") }
            return try RouterControl(
                RouterControl.Settings(targets: ["t1"], policyHash: [], epoch: Epoch(rawValue: 1)), hooks: hooks)
        }
        let controls = [
            try control(well) { moved.add(1, ordering: .relaxed).newValue }, try control(new) { 0 },
            try control(ill) { 7 },
        ]
        defer { for control in controls { control.stop() } }
        #expect(await ill.reach("withdrawn"))
        #expect(well.all.isEmpty && new.all.isEmpty)
    }

    @Test func aRouterSaysOnceThatATargetIsGone() async throws {
        let link = FakeRouterLink()
        let log = Lines()
        let control = try RouterControl(
            RouterControl.Settings(targets: ["t1", "t2"], policyHash: [], epoch: Epoch(rawValue: 1)),
            hooks: .silent(link, log))
        defer { control.stop() }
        for number in 1...3 {
            let connection = LinkConnection(rawValue: UInt64(number))
            link.put([.joined(member: "t1", connection), .left(connection, why: "the member ended it")])
        }
        link.put([.joined(member: "t2", LinkConnection(rawValue: 4)), .left(LinkConnection(rawValue: 4), why: "lost")])
        #expect(await log.reach("link: t2 is gone: lost"))
        #expect(log.all == ["link: t1 is gone: the member ended it", "link: t2 is gone: lost"])
    }
}

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func say(_ line: String) { lines.withLock { $0.append(line) } }

    /// Waits for the line, until a deadline.
    func reach(_ line: String) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if all.contains(line) { return true }
            await Task.yield()
        }
        return false
    }
}

/// Events that a test puts in.
private final class Inbox<Event: Sendable>: Sendable {
    private let events = Mutex<[Event]>([])
    private let nudge = Mutex<(@Sendable () -> Void)?>(nil)

    func nudged(by nudge: @escaping @Sendable () -> Void) { self.nudge.withLock { $0 = nudge } }

    func put(_ more: [Event]) {
        events.withLock { $0 += more }
        nudge.withLock { $0 }?()
    }

    func take() -> [Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}

private final class FakeMemberLink: MemberLink {
    private let inbox = Inbox<MemberLinkEvent>()
    func nudged(by nudge: @escaping @Sendable () -> Void) -> FakeMemberLink {
        inbox.nudged(by: nudge)
        return self
    }
    func put(_ events: [MemberLinkEvent]) { inbox.put(events) }
    func takeEvents() -> [MemberLinkEvent] { inbox.take() }
    func send(_ message: MemberMessage) -> Bool { true }
    func disconnect() {}
    var counts: [String: UInt64] { [:] }
    func stop() {}
}

private final class FakeRouterLink: RouterLink {
    private let inbox = Inbox<RouterLinkEvent>()
    func nudged(by nudge: @escaping @Sendable () -> Void) -> FakeRouterLink {
        inbox.nudged(by: nudge)
        return self
    }
    func put(_ events: [RouterLinkEvent]) { inbox.put(events) }
    func takeEvents() -> [RouterLinkEvent] { inbox.take() }
    func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool { true }
    func close(_ connection: LinkConnection) {}
    var counts: [String: UInt64] { [:] }
    func stop() {}
}

extension RouterControl.Hooks {
    fileprivate static func silent(_ link: FakeRouterLink, _ log: Lines) -> Self {
        RouterControl.Hooks(
            link: { link.nudged(by: $0) }, apply: { _ in }, publish: { _ in }, protect: { _, _, _ in },
            log: { log.say($0) }, received: { [] }, granted: { [:] }, judge: { _, _ in })
    }
}
