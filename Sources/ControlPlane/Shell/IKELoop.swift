internal import Associations
internal import Wire

/// The thread's own: sessions, publisher, and the effects of both carried out in their order.
struct IKELoop {
    private let settings: IKEService.Settings
    private let hooks: IKEService.Hooks
    private let sockets: IKESockets
    private let verdict: @Sendable (PeerSessions.ID, CertificateVerdict) -> Void
    private let clock = MonotonicClock()
    private var random: UniqueSPIs<KernelRandom>
    private var sessions: PeerSessions
    private var publisher: ShadowPublisher
    /// Whose barrier it is.
    private var tickets: [ShadowPublisher.Ticket: PeerSessions.ID] = [:]
    private var ports: [HolderID: UInt16] = [:]
    private let holders: [IPAddress: HolderID]
    private var counts: [String: UInt64] = [:]
    private var failure: SystemError?
    private var nextReportAt: UInt64 = 0
    private var nextSecretAt: UInt64

    /// Nanoseconds.
    private static let reportInterval: UInt64 = 250_000_000
    /// How long a cookie's secret is in use; it is good for as long again.
    private static let secretLife: UInt64 = 60_000_000_000
    /// Datagrams of one socket before it is the others' turn.
    private static let burst = 64

    /// - Parameter verdict: takes what came of `hooks.judge`, on any thread.
    init(
        _ settings: IKEService.Settings, _ hooks: IKEService.Hooks, _ sockets: IKESockets,
        verdict: @escaping @Sendable (PeerSessions.ID, CertificateVerdict) -> Void
    ) {
        self.verdict = verdict
        self.settings = settings
        self.hooks = hooks
        self.sockets = sockets
        random = UniqueSPIs(KernelRandom(), taken: settings.takenSPIs)
        let now = clock.now
        nextSecretAt = now + Self.secretLife
        sessions = PeerSessions(
            settings.connections,
            gate: CookieGate(
                secret: SecretBytes(random.nonce(byteCount: 32)), threshold: settings.limits.cookieThreshold),
            limits: settings.limits, foreignSPIs: settings.takenSPIs, at: now)
        publisher = ShadowPublisher(
            holders: Array(settings.holders.keys), clusterKey: settings.clusterKey,
            incarnation: Incarnation(using: &random))
        holders = Dictionary(uniqueKeysWithValues: settings.holders.map { ($1, $0) })
    }

    mutating func run(
        _ context: ServiceThread.Context, inbox: () -> IKEService.Inbox, publish: (IKEReport) -> Void
    ) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        do throws(SystemError) {
            while !context.isStopping {
                for local in sockets.locals { try receive(at: local, &buffer) }
                try receiveLink(&buffer)
                let messages = inbox()
                for (id, verdict) in messages.verdicts {
                    try perform(sessions.judged(verdict, for: id, at: clock.now, using: &random))
                }
                for command in messages.commands {
                    try perform(sessions.order(command, at: clock.now, using: &random))
                }
                try tick()
                if clock.now >= nextReportAt {
                    nextReportAt = clock.now + Self.reportInterval
                    try account()
                    publish(report)
                }
                pause(context)
            }
            try perform(sessions.order(.closeAll, at: clock.now, using: &random))
        } catch {
            failure = error
        }
        publish(report)
    }

    private func pause(_ context: ServiceThread.Context) {
        let now = clock.now
        let deadline = [sessions.deadline, publisher.deadline, nextReportAt].compactMap { $0 }.min() ?? nextReportAt
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

    private mutating func receiveLink(_ buffer: inout [UInt8]) throws(SystemError) {
        for _ in 0..<Self.burst * 4 {
            guard let (datagram, source) = try sockets.receiveLink(into: &buffer) else { return }
            guard let holder = holders[source.address] else {
                counts["linkStrange", default: 0] += 1
                continue
            }
            ports[holder] = source.port
            try perform(publisher.receive(datagram, from: holder, at: clock.now))
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
    }

    /// What the SAs have carried, for their lifetimes.
    private mutating func account() throws(SystemError) {
        try perform(sessions.received(hooks.received(), at: clock.now, using: &random))
        try perform(sessions.granted(hooks.granted(), at: clock.now, using: &random))
    }

    private mutating func perform(_ effects: [PeerSessions.Effect]) throws(SystemError) {
        for effect in effects {
            switch effect {
            case .send(let bytes, let path):
                if try !sockets.send(bytes, over: path) { counts["unsent", default: 0] += 1 }
            case .keepAlive(let path): try sockets.keepAlive(path)
            case .publish(let entry), .publishAlone(let entry, _):
                hooks.apply(entry)
                publisher.publish(entry)
            case .barrier(let id):
                let (ticket, actions) = publisher.barrier(at: clock.now)
                tickets[ticket] = id
                try perform(actions)
            case .judge(let id, let certificate): hooks.judge(certificate) { [verdict] in verdict(id, $0) }
            case .log(let line): hooks.log(line)
            }
        }
    }

    private mutating func perform(_ actions: [ShadowPublisher.Action]) throws(SystemError) {
        for action in actions {
            switch action {
            case .send(let bytes, let holder):
                guard let address = settings.holders[holder], let port = ports[holder] else { continue }
                try sockets.sendLink(bytes, to: SocketAddress(address: address, port: port))
            case .settled(let ticket, let missing):
                guard let id = tickets.removeValue(forKey: ticket) else { continue }
                for holder in missing {
                    hooks.log(
                        "shadow link: \(name(holder)) has not taken the SAs of IKE \(id) in time; it goes on without")
                }
                try perform(sessions.settled(id, missing: missing, at: clock.now, using: &random))
            case .joined(let holder): hooks.log("shadow link: \(name(holder)) holds the SAs")
            case .left(let holder): hooks.log("shadow link: \(name(holder)) is silent; no SA waits for it")
            case .refused(let holder, let key, let reason):
                counts["refusedByTarget", default: 0] += 1
                hooks.log("shadow link: \(name(holder)) refuses \(key.direction) \(key.spi): \(reason)")
            case .usage(let holder, let usage):
                try perform(sessions.sent(usage, by: holder, at: clock.now, using: &random))
            case .count(let event): counts["link.\(event)", default: 0] += 1
            }
        }
    }

    private func name(_ holder: HolderID) -> String { settings.holders[holder].map { "\($0)" } ?? "\(holder)" }

    private var report: IKEReport {
        var report = IKEReport()
        report.sessions = sessions.status
        report.counts = sessions.counts.merging(counts) { $0 + $1 }
        report.halfOpen = sessions.halfOpenCount
        report.failure = failure
        for (holder, address) in settings.holders {
            if let lag = publisher.lag(of: holder) {
                report.targets["\(address)"] = IKEReport.Target(isInService: lag.isInService, waiting: lag.entries)
            }
        }
        return report
    }
}
