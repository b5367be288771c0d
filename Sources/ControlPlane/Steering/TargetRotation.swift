public import Associations

/// Who of the targets gets what (docs/steering.md): the router's view of their health, and what it tells its packet path.
/// A machine without I/O; `now` is nanoseconds of a clock that does not go back.
public struct TargetRotation: Sendable {
    /// What becomes of a lost target's connections.
    public enum WhenLost: Sendable, Hashable {
        /// They go to another target, whose TCP resets them.
        case move
        /// They wait for its return.
        case hold
    }

    public enum Weighing: Sendable, Hashable {
        /// 1 to `weightLimit`.
        case fixed(UInt16)
        /// What the target's reports ask for; 1 until one does.
        case led
    }

    public enum Command: Sendable, Hashable {
        /// No new connections.
        case drain
        /// Nothing at all; its connections keep their places.
        case quiesce
        /// As if nothing had been commanded.
        case resume
    }

    public struct Timing: Sendable, Hashable {
        /// Nanoseconds of silence, on the link or through GRE, until a target is lost.
        public var silence: UInt64 = 800_000_000
        /// Nanoseconds between two probes; at most half the silence.
        public var probe: UInt64 = 200_000_000
        public init() {}
    }

    public enum Event: Sendable, Equatable {
        /// It said hello, and was welcome.
        case joined
        /// The connection is over, for whatever reason.
        case left
        /// Anything at all came, a keep-alive for instance.
        case heard
        case report(MemberMessage.Report)
        /// It takes itself out: why.
        case leaving(String)
        case command(Command)
    }

    public enum Action: Sendable, Equatable {
        /// `Publication.standing`.
        case standing(target: String, TargetStanding)
        /// `Publication.probe`.
        case probe(target: String, UInt64)
        /// One line for people.
        case log(String)
    }

    /// Of one target, for status.
    public struct Status: Sendable, Hashable {
        public var target: String
        public var standing: TargetStanding
        /// Why it has not its full share; empty when it has.
        public var reasons: [String]
        /// Milliseconds since something was heard of it; nil when nothing ever was.
        public var heardMillisecondsAgo: UInt64?
    }

    /// Of a weight that is configured, or asked for. Published are twice as much at most.
    public static let weightLimit: UInt16 = 1000

    private let timing: Timing
    private let whenLost: WhenLost
    /// In the order given.
    private var targets: [TargetHealth]
    private var places: [String: Int] = [:]
    /// By target: those that it serves; what it says of others does not count.
    private let services: [String: Set<String>]
    private var published: [String: TargetStanding] = [:]
    private var explained: [String: [String]] = [:]
    private var probeAt: UInt64
    /// When this was to be called again, at the latest.
    private var expectedAt: UInt64

    /// Names are those of the configuration, each once. Traps when the timing is not what it says.
    public init(
        targets: [(name: String, weighing: Weighing)], services: [Service], timing: Timing = Timing(),
        whenLost: WhenLost = .move, at now: UInt64
    ) {
        precondition(timing.probe > 0 && timing.probe <= timing.silence / 2)
        self.timing = timing
        self.whenLost = whenLost
        self.targets = targets.map { TargetHealth(name: $0.name, weighing: $0.weighing) }
        for (index, target) in targets.enumerated() { places[target.name] = index }
        self.services = Dictionary(
            uniqueKeysWithValues: targets.map { target in
                (target.name, Set(services.filter { $0.targets.contains(target.name) }.map(\.name)))
            })
        probeAt = now
        expectedAt = now
    }

    /// What the packet path is to know before the first packet: nobody has joined.
    public mutating func start(at now: UInt64) -> [Action] {
        expectedAt = now
        return publish()
    }

    /// When `tick` has something to do though nothing comes.
    public var deadline: UInt64 {
        targets.compactMap { $0.lostAt(timing.silence) }.reduce(probeAt) { min($0, $1) }
    }

    /// Sends probes, and sees who is silent.
    public mutating func tick(at now: UInt64, using random: inout some RandomNumberGenerator) -> [Action] {
        forgive(at: now)
        var actions: [Action] = []
        for index in targets.indices { expire(index, at: now) }
        if now >= probeAt {
            probeAt = now + timing.probe
            for index in targets.indices where targets[index].isLinked {
                let number = random.next()
                targets[index].probes.removeAll { now - $0.at >= timing.silence }
                targets[index].probes.append((number, now))
                actions.append(.probe(target: targets[index].name, number))
            }
        }
        expectedAt = max(now, deadline)
        return actions + publish()
    }

    /// Nothing for a name that is not a target's.
    public mutating func receive(_ event: Event, from target: String, at now: UInt64) -> [Action] {
        guard let index = places[target] else { return [] }
        forgive(at: now)
        switch event {
        case .joined: join(index, at: now)
        case .left: leave(index, at: now)
        case .heard: targets[index].heardAt = now
        case .report(let report): take(report, index, at: now)
        case .leaving(let why):
            targets[index].heardAt = now
            targets[index].leaving = String(why.prefix(200))
        case .command(let command): targets[index].command = command
        }
        expire(index, at: now)
        // What is over for another target waits for the next `tick`, which is due now.
        expectedAt = max(now, deadline)
        return publish()
    }

    public func status(at now: UInt64) -> [Status] {
        targets.map { target in
            Status(
                target: target.name, standing: target.standing(whenLost),
                reasons: target.reasons(timing.silence / 1_000_000),
                heardMillisecondsAgo: target.heardAt == 0 || now < target.heardAt
                    ? nil : (now - target.heardAt) / 1_000_000)
        }
    }

    /// A router that stood still itself has heard nobody: it is too late to say who was silent. All clocks begin anew.
    private mutating func forgive(at now: UInt64) {
        guard now > expectedAt + timing.silence / 2 else { return }
        let stood = now - expectedAt
        for index in targets.indices {
            switch targets[index].life {
            case .out: break
            case .unlinked(let until): targets[index].life = .unlinked(until: until + stood)
            case .proving, .good:
                targets[index].heardAt = now
                targets[index].provenAt = now
            }
            for probe in targets[index].probes.indices { targets[index].probes[probe].at += stood }
        }
    }

    private mutating func join(_ index: Int, at now: UInt64) {
        targets[index].isLinked = true
        targets[index].leaving = nil
        // What the process before said of its services holds no longer.
        targets[index].services = [:]
        targets[index].probes = []
        targets[index].heardAt = now
        targets[index].provenAt = now
        switch targets[index].life {
        case .out, .proving: targets[index].life = .proving(rounds: 0)
        // Back in time: its connections were never disturbed.
        case .good, .unlinked: targets[index].life = .good
        }
    }

    private mutating func leave(_ index: Int, at now: UInt64) {
        guard targets[index].isLinked else { return }
        targets[index].isLinked = false
        targets[index].probes = []
        switch targets[index].life {
        case .out, .unlinked: break
        case .proving: targets[index].life = .out(.linkLost)
        case .good:
            // Who said that it leaves is not waited for; whoever was silent before, no longer for that.
            let until = min(targets[index].heardAt, targets[index].provenAt) + timing.silence
            targets[index].life = targets[index].leaving != nil ? .out(.left) : .unlinked(until: until)
        }
    }

    private mutating func take(_ report: MemberMessage.Report, _ index: Int, at now: UInt64) {
        guard targets[index].isLinked else { return }
        targets[index].heardAt = now
        if let weight = report.weight { targets[index].led = weight }
        for service in report.services where services[targets[index].name]!.contains(service.service) {
            targets[index].services[service.service] = service
        }
        guard let place = targets[index].probes.firstIndex(where: { $0.number == report.probe }) else { return }
        let sentAt = targets[index].probes[place].at
        // Each number counts once; those before it are late, or lost.
        targets[index].probes.removeFirst(place + 1)
        guard now < sentAt + timing.silence else { return }
        targets[index].provenAt = max(targets[index].provenAt, sentAt)
        switch targets[index].life {
        case .good, .unlinked: break
        case .out: targets[index].life = .proving(rounds: 1)
        case .proving(let rounds):
            targets[index].life = rounds + 1 >= TargetHealth.goodRounds ? .good : .proving(rounds: rounds + 1)
        }
        // A round after silence is heard and proven by itself.
        if case .proving(1) = targets[index].life { targets[index].provenAt = now }
    }

    private mutating func expire(_ index: Int, at now: UInt64) {
        guard let lostAt = targets[index].lostAt(timing.silence), now >= lostAt else { return }
        let isSilent = now >= targets[index].heardAt + timing.silence
        if case .unlinked = targets[index].life {
            targets[index].life = .out(.linkLost)
        } else {
            targets[index].life = .out(isSilent ? .silent : .probesLost)
        }
    }

    /// What has changed. A line says so, where more than the weight did.
    private mutating func publish() -> [Action] {
        var actions: [Action] = []
        for target in targets {
            let standing = target.standing(whenLost)
            let former = published.updateValue(standing, forKey: target.name)
            if former != standing { actions.append(.standing(target: target.name, standing)) }
            let reasons = target.reasons(timing.silence / 1_000_000)
            let isNews = former?.state != standing.state || (former?.weight == 0) != (standing.weight == 0)
            // Its first words are not news: nobody has joined.
            if isNews, explained[target.name] != nil {
                let why = reasons.isEmpty ? "" : " (\(reasons.joined(separator: "; ")))"
                actions.append(.log("target \(target.name): \(standing.words)\(why)"))
            }
            explained[target.name] = reasons
        }
        return actions
    }
}

extension TargetStanding {
    /// For people.
    public var words: String {
        switch state {
        case .serving: weight == 0 ? "serving, new connections only while nobody else can" : "serving"
        case .draining: "draining, no new connections"
        case .quiesced: "quiesced, gets nothing"
        case .lost: "out of service"
        }
    }
}
