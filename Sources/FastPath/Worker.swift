public import Associations
internal import CMachine
internal import Glibc
internal import Synchronization
public import Wire

/// What a router's worker reports upwards, a few times a second.
public struct RouterReport: Sendable {
    public struct TargetReport: Sendable {
        public var name: String
        public var packets: UInt64
        public var bytes: UInt64
        public var connections: Int
        /// Since the start, those that are over among them.
        public var connectionsMade: UInt64
        public var neighbour: MACAddress?
        public var standing = TargetStanding(state: .serving)
        /// Packets that the relay opened in its place.
        public var relayed: UInt64 = 0
    }

    public var verdicts: [String: UInt64] = [:]
    public var targets: [TargetReport] = []
    public var portStatistics: [String: UInt64] = [:]
    public var portSummary = ""
    public var cipherName = ""
    /// Publications that could not be applied, in words.
    public var refusals: [String] = []
    /// Probes by what became of them: `probed` ones went out, `noNeighbour` and `noTarget` had no way to go, `noFrame` no
    /// frame to go in, `transmitQueueFull` no room on the link.
    public var probes: [String: UInt64] = [:]
    /// Copies of errors for the targets, by what became of them; errors that were `omitted` came too fast.
    public var tooBigCopies: [String: UInt64] = [:]
    /// Inbound SAs under which packets came; of a large table a part, another one with every report.
    public var received: [AssociationUsage] = []
    /// Of the filter's rules in order; nil where nothing is filtered here.
    public var filter: [FilterTally]?
    /// Fragmented datagrams by what became of them: `whole`, `timedOut`, `displaced` by younger ones, `refused`; and how
    /// many are `held` now.
    public var fragmented: [String: UInt64] = [:]
    /// Connections that only began.
    public var halfOpen = 0
    /// Clients whose affinity is remembered, those whose time is over among them; and new connections of such as found no
    /// place.
    public var affinities = 0
    public var omittedAffinities: UInt64 = 0
    /// What each worker has done of it.
    public struct WorkerReport: Sendable, Equatable {
        /// That it is bound to; nil where it is not bound.
        public var processor: Int?
        /// Packets of every verdict, those that it handed over among them.
        public var packets: UInt64 = 0
        /// Frames that it handed over, could not hand over, and got from others.
        public var handedOver: UInt64 = 0
        public var handOverQueueFull: UInt64 = 0
        public var takenOver: UInt64 = 0
    }
    public var workers: [WorkerReport] = []
    public init() {}
}

/// Where a worker leaves its latest report and hears that it should end.
public final class WorkerDesk: Sendable {
    public let inbox = PublicationQueue()
    /// That the worker is bound to; nil where it is not bound.
    public let processor: Int?
    private let report = Mutex<RouterReport>(RouterReport())
    private let sightings = Mutex<[PeerSighting]>([])
    /// Of sightings that nobody takes; the oldest go first.
    private static let sightingLimit = 4096
    private let isEnding = Atomic<Bool>(false)
    private let rounds = Atomic<UInt64>(0)

    public init(processor: Int? = nil) { self.processor = processor }
    public func end() { isEnding.store(true, ordering: .releasing) }
    public var latestReport: RouterReport { report.withLock { $0 } }
    /// Peers behind NATs that send from elsewhere now, since the last call.
    public func takeSightings() -> [PeerSighting] {
        sightings.withLock { sightings in
            defer { sightings = [] }
            return sightings
        }
    }
    /// Rounds of the loop: it stands still when the loop does.
    public var roundCount: UInt64 { rounds.load(ordering: .relaxed) }

    func countRound() { rounds.add(1, ordering: .relaxed) }
    var shouldEnd: Bool { isEnding.load(ordering: .acquiring) }
    func leave(_ new: RouterReport) { report.withLock { $0 = new } }

    func leave(_ new: [PeerSighting]) {
        guard !new.isEmpty else { return }
        sightings.withLock { sightings in
            sightings += new
            if sightings.count > Self.sightingLimit { sightings.removeFirst(sightings.count - Self.sightingLimit) }
        }
    }
}

/// One thread's loop: a port, a router, a batch.
///
/// `@unchecked Sendable`: nobody else has what is in it, but for the crew, which is made for that. It may be made on one thread and
/// run on another.
public struct Worker: ~Copyable, @unchecked Sendable {
    private var router: Router
    private var port: RouterPort
    private var batch: PacketBatch
    private var probes: ProbeBench
    private var copies: TooBigCopies
    private let relay: RelaySender?
    private var refusals: [String] = []
    /// Where the next report goes on.
    private var nextUsage = 0
    /// SAs that one report looks at.
    private static let usageSlice = 8192
    /// Milliseconds between reports, and the longest that an idle worker sleeps.
    private static let reportInterval: UInt64 = 200

    /// - Parameter relay: to the relay; without it what is the relay's is dropped as `transmitQueueFull`.
    public init(router: consuming Router, port: consuming RouterPort, relay: consuming RelaySender? = nil) {
        self.relay = relay
        batch = PacketBatch()
        probes = ProbeBench(targetCount: router.targetCount)
        copies = TooBigCopies(targetCount: router.targetCount)
        self.router = router
        self.port = port
    }

    /// Runs until the desk says that it should end.
    public mutating func run(_ desk: WorkerDesk) {
        if let processor = desk.processor, machine_pin(Int32(processor)) != 0 {
            refusals.append("processor \(processor): \(PortFailure.reason(errno: errno))")
        }
        var nextReport: UInt64 = 0
        while !desk.shouldEnd {
            desk.countRound()
            if router.isShared { router.takeOver(into: &batch, port: &port) }
            port.receive(into: &batch)
            // Behind the receiving: what was published before a packet was sent is applied before that packet is looked at,
            // and that is the whole barrier between an SA's installation and its first packet.
            for publication in desk.inbox.takeAll() { take(publication) }
            probes.send(router, &port)
            let milliseconds = Self.milliseconds()
            if batch.isEmpty {
                rest(milliseconds: Int32(Self.reportInterval / 4))
            } else {
                router.process(&batch, in: port.memory, now: UInt32(truncatingIfNeeded: milliseconds / 1000))
                if router.relayedCount > 0 { handOver() }
                if router.handedOverCount > 0 { router.passOn(&batch, from: port.memory) }
                if router.tooBigCount > 0 {
                    copies.send(of: batch, router, &port, now: UInt32(truncatingIfNeeded: milliseconds / 1000))
                }
                port.transmit(&batch)
                router.account(batch)
                port.release(&batch)
            }
            if milliseconds >= nextReport {
                nextReport = milliseconds + Self.reportInterval
                desk.leave(report(desk))
                desk.leave(router.takeSightings())
            }
        }
        desk.leave(report(desk))
    }

    /// Until the port has something, or another worker.
    private mutating func rest(milliseconds: Int32) {
        guard let crew = router.crew else { return port.wait(milliseconds: milliseconds) }
        guard crew.prepareToSleep(router.seat) else { return }
        port.wait(milliseconds: milliseconds, or: crew.bell(of: router.seat))
        crew.wakeUp(router.seat)
    }

    private mutating func handOver() {
        switch relay {
        case .some(let relay): router.handOver(&batch, to: relay, from: port.memory)
        case .none:
            for index in 0..<batch.count where batch[index].verdict == .relayed {
                batch[index].verdict = .transmitQueueFull
            }
        }
    }

    private mutating func take(_ publication: Publication) {
        if case .probe(let target, let number) = publication { return probes.ask(target, number) }
        do throws(InstallFailure) {
            try router.apply(publication)
        } catch {
            // Bounded: an operator needs the first ones.
            if refusals.count < 100 { refusals.append("\(publication.subject): \(error)") }
        }
    }

    private mutating func report(_ desk: WorkerDesk) -> RouterReport {
        var report = router.report()
        report.workers[0].processor = desk.processor
        report.portStatistics = port.statistics()
        report.portSummary = port.summary
        report.refusals = refusals
        report.probes = probes.tallies
        report.tooBigCopies = copies.tallies
        report.received = router.usage(from: &nextUsage, count: Self.usageSlice)
        return report
    }

    private static func milliseconds() -> UInt64 { machine_coarse_milliseconds() }
}

extension Router {
    /// What came under the SAs at `count` places of the table from `place` on, which is moved behind them, or to the
    /// beginning when that was the end.
    func usage(from place: inout Int, count: Int) -> [AssociationUsage] {
        let end = min(place + count, associations.capacity)
        defer { place = end == associations.capacity ? 0 : end }
        return (place..<end).compactMap { associations.usage(at: $0) }
    }

    func report() -> RouterReport {
        var report = RouterReport()
        report.verdicts = counters.snapshot()
        report.cipherName = cipherName
        report.filter = filterTallies
        report.halfOpen = connections.halfOpenCount
        report.affinities = services.affinities.count
        report.omittedAffinities = services.affinities.omitted
        let datagrams = reassembler.tallies
        report.fragmented = [
            "whole": datagrams.whole, "timedOut": datagrams.timedOut, "displaced": datagrams.displaced,
            "refused": datagrams.refused, "held": UInt64(reassembler.count),
        ]
        report.workers = [
            RouterReport.WorkerReport(
                packets: report.verdicts.values.reduce(0, &+), handedOver: counters[.handedOver],
                handOverQueueFull: counters[.handOverQueueFull], takenOver: takenOverCount)
        ]
        for (index, target) in targets.targets.enumerated() {
            report.targets.append(
                RouterReport.TargetReport(
                    name: target.name, packets: targets[index].packets, bytes: targets[index].bytes,
                    connections: connections.count(of: index), connectionsMade: connections.madeCount(of: index),
                    neighbour: targets.neighbour(index),
                    standing: targets.standing(index), relayed: targets.relayed[index]))
        }
        return report
    }
}

extension Publication {
    /// What it is about, for messages to people.
    var subject: String {
        switch self {
        case .install(let association): "install \(association.name) (\(association.spi))"
        case .relay(let relayed): "relay \(relayed.spi)"
        case .lacks(let target, _), .lacksESN(let target, _): "transforms of \(target)"
        case .relocate(let relocation): "relocate \(relocation.spi)"
        case .remove(let spi, _): "remove \(spi)"
        case .neighbour(let target, _): "neighbour of \(target)"
        case .lease(let spi, _): "lease of \(spi)"
        case .advance(let spi, _): "numbers of \(spi)"
        case .allow(let grant): "grant of \(grant.spi)"
        case .standing(let target, _): "standing of \(target)"
        case .epoch(let epoch): "epoch \(epoch.rawValue)"
        case .closed(_, let target): "closed connection of \(target)"
        case .alive(_, let target): "living flow of \(target)"
        case .verified: "verified numbers"
        case .probe(let target, _): "probe of \(target)"
        }
    }
}
