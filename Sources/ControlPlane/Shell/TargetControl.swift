public import Associations
internal import Synchronization

/// The control plane of a target on a thread of its own: the XCF link to the router, and what comes over it for the packet
/// path.
public final class TargetControl: Sendable {
    /// What the thread calls. None of them may wait.
    public struct Hooks: Sendable {
        /// Called once: the link, whose events end the thread's sleep by calling what it is given.
        public var link: @Sendable (_ nudge: @escaping @Sendable () -> Void) throws -> any MemberLink
        /// For the packet path, in order; `applied` is called when it has done those up to a number.
        public var apply: @Sendable ([NumberedPublication]) -> Void
        /// The leases are under this key and in this epoch from now on.
        public var protect: @Sendable (SecretBytes, Epoch) -> Void
        /// What the next report says of the packet path.
        public var report: @Sendable () -> MemberMessage.Report
        public var log: @Sendable (String) -> Void
        /// Rounds of the packet loop, 0 before the first; nil: nobody watches it.
        public var rounds: (@Sendable () -> UInt64)?
        /// This target must not go on: why, for people. Called once; the router is told meanwhile.
        public var withdraw: @Sendable (String) -> Void = { _ in }

        public init(
            link: @escaping @Sendable (_ nudge: @escaping @Sendable () -> Void) throws -> any MemberLink,
            apply: @escaping @Sendable ([NumberedPublication]) -> Void,
            protect: @escaping @Sendable (SecretBytes, Epoch) -> Void,
            report: @escaping @Sendable () -> MemberMessage.Report, log: @escaping @Sendable (String) -> Void
        ) {
            self.link = link
            self.apply = apply
            self.protect = protect
            self.report = report
            self.log = log
        }
    }

    public struct Report: Sendable {
        public var isLinked = false
        public var epoch = Epoch(rawValue: 0)
        /// SAs that the router has given.
        public var held = 0
        public var counts: [String: UInt64] = [:]
        /// Why the router lets us not in; nil again once it does.
        public var refusal: LinkRefusal?
        public init() {}
    }

    final class Shared: Sendable {
        let report = Mutex(Report())
        let nudge = Mutex<(@Sendable () -> Void)?>(nil)
        let done = Mutex(Done())
        func wake() { nudge.withLock { $0 }?() }
    }

    /// What the packet path has done since the thread looked.
    struct Done: Sendable {
        var upTo: (generation: UInt64, number: UInt64)?
        var refusals: [MemberMessage.Refusal] = []
        var illness: String?
    }

    private let shared = Shared()
    private let thread: ServiceThread

    public init(_ hello: MemberMessage.Hello, hooks: Hooks) throws {
        let shared = shared
        let link = try hooks.link { shared.wake() }
        thread = try ServiceThread(name: "control") { context in
            var loop = TargetLoop(hello, hooks, link)
            loop.run(context, shared)
            link.stop()
        }
        let thread = thread
        shared.nudge.withLock { $0 = { thread.nudge() } }
        thread.nudge()
    }

    /// The packet path has done all publications up to this one, but for those it refused. On any thread.
    public func applied(_ last: NumberedPublication, refusals: [MemberMessage.Refusal]) {
        shared.done.withLock {
            $0.upTo = (last.generation, last.number)
            $0.refusals += refusals
        }
        shared.wake()
    }

    /// Takes this target out of rotation, for good: why, for people.
    public func withdraw(_ why: String) {
        shared.done.withLock { $0.illness = why }
        shared.wake()
    }

    public var report: Report { shared.report.withLock { $0 } }

    public func stop() {
        thread.stop()
        shared.nudge.withLock { $0 = nil }
    }
}

/// A publication, and the entry that is done with it. Numbers begin again with every connection, named by `generation`.
public struct NumberedPublication: Sendable {
    public var generation: UInt64
    public var number: UInt64
    public var publication: Publication
}

/// What the thread has.
struct TargetLoop {
    private let hooks: TargetControl.Hooks
    private let link: any MemberLink
    private let clock = MonotonicClock()
    private var subscriber: ShadowSubscriber
    private var lifecounts = LifecountReporter()
    /// What was seen and not reported yet.
    private var seen = MemberMessage.Report()
    /// Of `seen`: the latest of each SA.
    private var verified: [SPI: VerifiedNumbers] = [:]
    private var nextLookAt: UInt64 = 0
    private var health: MemberHealth
    private var report = TargetControl.Report()
    private var counts: [String: UInt64] = [:]
    /// Leaving has been said on this connection.
    private var hasLeft = false
    private var generation: UInt64 = 0
    /// Why the last connection ended, since a router let us in.
    private var toldEnd: String?
    private var pending: [NumberedPublication] = []

    private static let lookInterval: UInt64 = 50_000_000
    /// Nanoseconds that the packet loop may stand still: more than a busy machine keeps it from running.
    private static let loopPatience: UInt64 = 5_000_000_000
    /// SAs, and connections, in one report.
    private static let usageLimit = 4096
    private static let connectionLimit = 16_384
    /// Windows in one report: of the widest less than a megabyte.
    private static let verifiedLimit = 1024
    /// Peers in one report.
    private static let peerLimit = 4096
    /// Nanoseconds between two reports to the status.
    private static let reportInterval: UInt64 = 200_000_000

    init(_ hello: MemberMessage.Hello, _ hooks: TargetControl.Hooks, _ link: any MemberLink) {
        self.hooks = hooks
        self.link = link
        subscriber = ShadowSubscriber(hello)
        health = MemberHealth(patience: Self.loopPatience, at: clock.now)
    }

    mutating func run(_ context: ServiceThread.Context, _ shared: TargetControl.Shared) {
        var nextReportAt: UInt64 = 0
        var illness: String?
        while !context.isStopping {
            for event in link.takeEvents() { take(event) }
            let done = shared.done.withLock { done in
                defer { done = TargetControl.Done() }
                return done
            }
            subscriber.refused(done.refusals)
            // What was done of the connection before this one is not what this one asked for.
            if let upTo = done.upTo, upTo.generation == generation {
                subscriber.applied(upTo: upTo.number, at: clock.now)
            }
            illness = illness ?? done.illness ?? stall()
            if let illness, !hasLeft, subscriber.isInService {
                hasLeft = true
                hooks.log("link: this target takes itself out: \(illness)")
                _ = link.send(.leaving(illness))
            }
            look()
            if illness == nil { sendReport() }
            let now = clock.now
            if now >= nextReportAt {
                nextReportAt = now + Self.reportInterval
                leaveReport(at: shared)
            }
            let deadline = min(subscriber.deadline ?? .max, nextReportAt, nextLookAt)
            context.pause([], nanoseconds: deadline > now ? deadline - now : 0)
        }
        if subscriber.isInService { _ = link.send(.leaving("it ends")) }
        leaveReport(at: shared)
    }

    /// Why this target is no longer fit, once that is so.
    private mutating func stall() -> String? {
        guard let rounds = hooks.rounds?(), rounds > 0, clock.now >= health.deadline else { return nil }
        for case .withdraw(let illness) in health.tick(rounds, at: clock.now) {
            hooks.withdraw("\(illness)")
            return "\(illness)"
        }
        return nil
    }

    /// What the packet path has seen: a few times between two reports, so that nobody's grant ends while it is not looked.
    private mutating func look() {
        let now = clock.now
        guard now >= nextLookAt else { return }
        nextLookAt = now + Self.lookInterval
        let latest = hooks.report()
        lifecounts.note(latest.usage, at: now)
        seen.connections += latest.connections
        seen.omittedConnections += latest.omittedConnections
        (seen.services, seen.probe, seen.weight) = (latest.services, latest.probe, latest.weight)
        if seen.connections.count > Self.connectionLimit {
            seen.omittedConnections += UInt64(seen.connections.count - Self.connectionLimit)
            seen.connections.removeLast(seen.connections.count - Self.connectionLimit)
        }
        for part in latest.verified { verified[part.spi] = part }
        seen.peers += latest.peers
        // They are bounded where they are seen; what is too old is of no use.
        if seen.peers.count > Self.peerLimit { seen.peers.removeFirst(seen.peers.count - Self.peerLimit) }
        if !latest.peers.isEmpty { subscriber.hasten(at: now) }
        if lifecounts.isAsking { subscriber.hasten(at: now) }
    }

    private mutating func sendReport() {
        let now = clock.now
        var taken = false
        let told = Array(verified.values.prefix(Self.verifiedLimit))
        let actions = subscriber.tick(at: now) {
            taken = true
            var report = seen
            report.usage = lifecounts.take(upTo: Self.usageLimit, at: now)
            report.verified = told
            return report
        }
        if taken {
            (seen.connections, seen.omittedConnections, seen.peers) = ([], 0, [])
            for part in told { verified[part.spi] = nil }
        }
        perform(actions)
    }

    private mutating func leaveReport(at shared: TargetControl.Shared) {
        report.isLinked = subscriber.isInService
        report.epoch = subscriber.epoch
        report.held = subscriber.heldCount
        report.counts = counts.merging(link.counts) { $0 + $1 }
        shared.report.withLock { $0 = report }
    }

    private mutating func take(_ event: MemberLinkEvent) {
        switch event {
        case .connected:
            generation += 1
            hasLeft = false
            perform(subscriber.connected(at: clock.now))
        case .message(let message): perform(subscriber.receive(message, at: clock.now))
        case .unreadable(let key): perform(subscriber.receiveUnreadable(key))
        case .disconnected(let why):
            // Tried again and again, it may end again and again, for a reason that is always the same.
            if toldEnd != why { hooks.log("link: the router is gone: \(why)") }
            toldEnd = why
            counts["disconnected", default: 0] += 1
            subscriber.disconnected()
        }
    }

    private mutating func perform(_ actions: [ShadowSubscriber.Action]) {
        for action in actions {
            switch action {
            case .send(let message):
                if !link.send(message) { counts["unsent", default: 0] += 1 }
            case .apply(let number, let publication):
                switch publication {
                case .install(let association):
                    lifecounts.installed(ShadowEntry.Key(spi: association.spi, direction: association.direction))
                case .remove(let spi, let direction):
                    lifecounts.removed(ShadowEntry.Key(spi: spi, direction: direction))
                    if direction == .inbound { verified[spi] = nil }
                case .allow(let grant): lifecounts.allowed(grant)
                default: break
                }
                pending.append(
                    NumberedPublication(generation: generation, number: number, publication: publication))
            case .welcomed(let welcome):
                report.refusal = nil
                toldEnd = nil
                lifecounts.began()
                hooks.protect(welcome.leaseKey, welcome.epoch)
                hooks.log("link: the router gives the security associations, epoch \(welcome.epoch.rawValue)")
            case .notLetIn(let refusal):
                if report.refusal != refusal { hooks.log("link: the router does not let us in: \(refusal)") }
                report.refusal = refusal
            case .disconnect(let why):
                counts["strange", default: 0] += 1
                hooks.log("link: the router is not understood: \(why)")
                link.disconnect()
            }
        }
        guard !pending.isEmpty else { return }
        hooks.apply(pending)
        pending = []
    }
}
