internal import Associations
internal import Synchronization
internal import Wire

/// The thread's own: sessions, publisher, and the effects of both carried out in their order.
struct ControlLoop {
    let settings: RouterControl.Settings
    let hooks: RouterControl.Hooks
    private let sockets: IKESockets
    var couplingState: CouplingState
    let link: (any RouterLink)?
    private let verdict: @Sendable (PeerSessions.ID, CertificateVerdict) -> Void
    let clock = MonotonicClock()
    var random: UniqueSPIs<KernelRandom>
    private var probes = SystemRandomNumberGenerator()
    var sessions: PeerSessions
    var publisher: ShadowPublisher
    var ledger = LifecountLedger()
    private var floors = NumberFloors()
    var rotation: TargetRotation
    /// Whose barrier it is.
    var tickets: [ShadowPublisher.Ticket: PeerSessions.ID] = [:]
    /// The connection that counts of each target that is linked.
    var connections: [HolderID: LinkConnection] = [:]
    var holders: [LinkConnection: HolderID] = [:]
    /// The processes that are let in.
    var incarnations: [HolderID: UInt64] = [:]
    var counts: [String: UInt64] = [:]
    /// Whose end has been said since they last held the SAs.
    var told: Set<HolderID> = []
    private var health: MemberHealth
    private var failure: SystemError?
    private var nextReportAt: UInt64 = 0
    private var nextSecretAt: UInt64

    /// Nanoseconds.
    private static let reportInterval: UInt64 = 250_000_000
    /// How long a cookie's secret is in use; it is good for as long again.
    private static let secretLife: UInt64 = 60_000_000_000
    /// Nanoseconds that the packet loop may stand still: more than a busy machine keeps it from running.
    private static let loopPatience: UInt64 = 5_000_000_000
    /// Datagrams of one socket before it is the others' turn.
    private static let burst = 64

    /// - Parameter verdict: takes what came of `hooks.judge`, on any thread.
    init(
        _ settings: RouterControl.Settings, _ hooks: RouterControl.Hooks, _ sockets: IKESockets,
        _ link: (any RouterLink)?, verdict: @escaping @Sendable (PeerSessions.ID, CertificateVerdict) -> Void
    ) {
        self.verdict = verdict
        self.settings = settings
        self.hooks = hooks
        self.sockets = sockets
        self.link = link
        couplingState = CouplingState(isOwner: hooks.coupling == nil)
        random = UniqueSPIs(KernelRandom(), taken: settings.takenSPIs)
        let now = clock.now
        nextSecretAt = now + Self.secretLife
        health = MemberHealth(patience: Self.loopPatience, at: now)
        sessions = PeerSessions(
            settings.connections,
            gate: CookieGate(
                secret: SecretBytes(random.nonce(byteCount: 32)), threshold: settings.limits.cookieThreshold),
            limits: settings.limits, foreignSPIs: settings.takenSPIs, at: now)
        rotation = TargetRotation(
            targets: zip(settings.targets, settings.weighings).map { ($0, $1) }, services: settings.services,
            timing: settings.rotation, whenLost: settings.whenLost, at: now)
        publisher = ShadowPublisher(
            holders: settings.targets.indices.map(HolderID.init(place:)),
            relay: settings.relay.map { _ in settings.relayHolder },
            incarnation: .random(in: 1 ... .max), epoch: settings.epoch, policyHash: settings.policyHash)
    }

    mutating func run(_ context: ServiceThread.Context, _ shared: RouterControl.Shared) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        do throws(SystemError) {
            if link != nil { try perform(rotation.start(at: clock.now)) }
            while !context.isStopping {
                watchLoop()
                try receiveCoupling()
                if couplingState.isOwner {
                    for local in sockets.locals { try receive(at: local, &buffer) }
                    try receiveLink()
                }
                let messages = shared.takeInbox()
                for reserving in messages.reservings { reserve(reserving) }
                for (id, verdict) in messages.verdicts {
                    try perform(sessions.judged(verdict, for: id, at: clock.now, using: &random))
                }
                for command in messages.targetCommands {
                    try perform(rotation.receive(.command(command.verb), from: command.target, at: clock.now))
                }
                for command in messages.commands {
                    try perform(sessions.order(command, at: clock.now, using: &random))
                }
                if couplingState.isOwner { try tick() }
                if clock.now >= nextReportAt {
                    nextReportAt = clock.now + Self.reportInterval
                    try account()
                    leaveReport(at: shared)
                }
                pause(context)
            }
            try perform(sessions.order(.closeAll, at: clock.now, using: &random))
        } catch {
            failure = error
        }
        leaveReport(at: shared)
    }

    /// A router whose packet loop stands still must not own the addresses any longer.
    private mutating func watchLoop() {
        guard let rounds = hooks.rounds?(), rounds > 0, clock.now >= health.deadline else { return }
        for case .withdraw(let illness) in health.tick(rounds, at: clock.now) { hooks.withdraw("\(illness)") }
    }

    private func leaveReport(at shared: RouterControl.Shared) {
        var report = report
        report.failure = failure
        shared.report.withLock { $0 = report }
    }

    private func pause(_ context: ServiceThread.Context) {
        let now = clock.now
        guard couplingState.isOwner else {
            context.pause([], nanoseconds: nextReportAt > now ? nextReportAt - now : 0)
            return
        }
        let timers = [sessions.deadline, publisher.deadline, link == nil ? nil : rotation.deadline, nextReportAt]
        let deadline = timers.compactMap { $0 }.min() ?? nextReportAt
        context.pause(sockets.descriptors, nanoseconds: deadline > now ? deadline - now : 0)
    }

    private mutating func receive(at local: SocketAddress, _ buffer: inout [UInt8]) throws(SystemError) {
        for _ in 0..<Self.burst {
            guard let (datagram, source) = try sockets.receive(at: local, into: &buffer) else { return }
            guard !datagram.isEmpty else {
                counts["notIKE", default: 0] += 1
                continue
            }
            let path = Path(local: local, remote: source)
            try perform(sessions.receive(datagram, over: path, at: clock.now, using: &random))
        }
    }

    private mutating func tick() throws(SystemError) {
        let now = clock.now
        if now >= nextSecretAt {
            nextSecretAt = now + Self.secretLife
            sessions.renewCookieSecret(SecretBytes(random.nonce(byteCount: 32)))
        }
        try perform(sessions.tick(at: now, using: &random))
        try perform(publisher.tick(at: now))
        if link != nil { try perform(rotation.tick(at: now, using: &probes)) }
    }

    /// What the SAs have carried, for their lifetimes.
    private mutating func account() throws(SystemError) {
        let received = hooks.received()
        try perform(sessions.received(received, at: clock.now, using: &random))
        for (spi, floor) in floors.received(received) { try perform(publisher.publish(.advance(spi, floor))) }
        try perform(sessions.granted(hooks.granted(), at: clock.now, using: &random))
        try perform(sessions.sighted(hooks.sighted(), at: clock.now, using: &random))
    }

    mutating func perform(_ effects: [PeerSessions.Effect]) throws(SystemError) {
        for effect in effects {
            switch effect {
            case .send(let bytes, let path):
                if try !sockets.send(bytes, over: path) { counts["unsent", default: 0] += 1 }
            case .keepAlive(let path): try sockets.keepAlive(path)
            case .publish(let entry): try take(.publish(entry, only: nil), after: store(entry))
            case .publishAlone(let entry, let holder): try take(.publish(entry, only: holder), after: store(entry))
            case .barrier(let id):
                wait(id)
                try take(.barrier(id), after: 0)
            case .judge(let id, let certificate): hooks.judge(certificate) { [verdict] in verdict(id, $0) }
            case .log(let line): hooks.log(line)
            }
        }
    }

    /// What is done for the targets, in this order.
    enum Step: Sendable {
        /// `only`: the one target that it is for; nil for all.
        case publish(ShadowEntry, only: HolderID?)
        case barrier(PeerSessions.ID)
    }

    mutating func carryOut(_ step: Step) throws(SystemError) {
        switch step {
        case .publish(let entry, let holder): try publish(entry, only: holder)
        case .barrier(let id):
            let (ticket, actions) = publisher.barrier(at: clock.now)
            tickets[ticket] = id
            try perform(actions)
        }
    }

    private mutating func publish(_ entry: ShadowEntry, only holder: HolderID?) throws(SystemError) {
        hooks.apply(entry)
        var entry = entry
        if holder != nil, case .install(var association) = entry {
            association.isOwn = true
            entry = .install(association)
        }
        try perform(publisher.publish(entry, only: holder))
        switch entry {
        case .install(let association):
            try limit(ShadowEntry.Key(spi: association.spi, direction: association.direction), only: holder)
        case .remove(let spi, let direction):
            ledger.remove(ShadowEntry.Key(spi: spi, direction: direction))
            if direction == .inbound { floors.forget(spi) }
        case .begin, .complete, .relay, .relocate, .allow, .advance: break
        }
    }

    func holder(named member: String) -> HolderID? {
        if member == settings.relay { return settings.relayHolder }
        return settings.targets.firstIndex(of: member).map(HolderID.init(place:))
    }

    func name(_ holder: HolderID) -> String {
        if holder == settings.relayHolder, let relay = settings.relay { return relay }
        let place = Int(holder.rawValue)
        return settings.targets.indices.contains(place) ? settings.targets[place] : "\(holder)"
    }
}

extension HolderID {
    /// Targets are known by their places in the configuration.
    public init(place: Int) { self.init(rawValue: UInt16(place)) }
}
