internal import Associations
internal import Synchronization
internal import Wire

/// What the thread of a `SequencerService` has. A round costs what there is to do in it, however many SAs there are.
struct SequencerLoop {
    /// An SA's sequencer, and what was last said of it.
    struct Entry {
        var sequencer: Sequencer
        /// That of `deadlines`.
        var dueAt: UInt64?
        var grantedEnd: UInt64

        init(_ sequencer: Sequencer) {
            self.sequencer = sequencer
            grantedEnd = sequencer.grantedEnd
        }
    }

    /// Nanoseconds. A report is copied whole.
    static let reportInterval: UInt64 = 100_000_000

    let endpoint: SequencerService.Endpoint
    let holders: [HolderID: IPAddress]
    let timing: Sequencer.Timing
    let clock = MonotonicClock()
    var reservations: [SPI: ReservationFile] = [:]
    var entries: [SPI: Entry] = [:]
    var deadlines = DeadlineQueue<SPI>()
    /// That were granted in this round.
    var grantedEnds: [SPI: UInt64] = [:]
    /// Where each holder wrote from last.
    var ports: [HolderID: UInt16] = [:]
    var report = SequencerService.Report()
    var isReportNew = true
    var nextReportAt: UInt64 = 0

    init(
        endpoint: SequencerService.Endpoint, holders: [HolderID: IPAddress],
        associations: [SequencerService.Association], timing: Sequencer.Timing
    ) {
        self.endpoint = endpoint
        self.holders = holders
        self.timing = timing
        for association in associations { add(association) }
    }

    private mutating func add(_ association: SequencerService.Association) {
        reservations[association.spi] = association.reservation
        entries[association.spi] = Entry(
            Sequencer(
                spi: association.spi, replayWindow: association.replayWindow,
                reservation: Reservation(
                    mark: association.reservation?.initialMark ?? 1, lastNumber: association.lastNumber),
                identifierSeed: .random(in: 0 ... .max), timing: timing, at: clock.now))
    }

    private mutating func take(_ changes: [SequencerService.Change]) throws(SystemError) {
        for change in changes {
            switch change {
            case .add(let association):
                add(association)
                try perform(entries[association.spi]!.sequencer.start(at: clock.now), of: association.spi)
            case .remove(let spi):
                entries[spi] = nil
                reservations[spi] = nil
                report.sequencers[spi] = nil
                grantedEnds[spi] = nil
                isReportNew = true
            }
        }
    }

    mutating func run(_ context: ServiceThread.Context, _ shared: SequencerService.Shared) {
        var buffer = [UInt8](repeating: 0, count: 2048)
        do throws(SystemError) {
            for spi in entries.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
                try perform(entries[spi]!.sequencer.start(at: clock.now), of: spi)
            }
            while !context.isStopping {
                // A flood must not keep the machines from their deadlines, nor the thread from stopping.
                for _ in 0..<256 {
                    guard let (count, source) = try endpoint.socket.receive(into: &buffer) else { break }
                    try receive(buffer, count, from: source)
                }
                let changes = shared.changes.withLock { changes in
                    defer { changes = [] }
                    return changes
                }
                try take(changes)
                try tick()
                let now = clock.now
                publish(to: shared, at: now)
                let deadline = [deadlines.first, isReportNew ? nextReportAt : nil].compactMap { $0 }.min()
                context.pause([endpoint.socket.descriptor], nanoseconds: deadline.map { $0 > now ? $0 - now : 0 })
            }
        } catch {
            report.socketFailure = error
        }
        shared.report.withLock { $0 = report }
    }

    private mutating func publish(to shared: SequencerService.Shared, at now: UInt64) {
        if !grantedEnds.isEmpty {
            shared.grantedEnds.withLock { $0.merge(grantedEnds) { $1 } }
            grantedEnds = [:]
        }
        guard isReportNew, now >= nextReportAt else { return }
        (isReportNew, nextReportAt) = (false, now + Self.reportInterval)
        shared.report.withLock { $0 = report }
    }

    /// What has come of the last call of an SA's sequencer: when it is due next, and what is to be told of it.
    private mutating func note(_ spi: SPI) {
        guard let sequencer = entries[spi]?.sequencer else { return }
        report.sequencers[spi] = sequencer.tally
        isReportNew = true
        if entries[spi]!.grantedEnd != sequencer.grantedEnd {
            entries[spi]!.grantedEnd = sequencer.grantedEnd
            grantedEnds[spi] = sequencer.grantedEnd
        }
        guard sequencer.deadline != entries[spi]!.dueAt else { return }
        entries[spi]!.dueAt = sequencer.deadline
        if let dueAt = sequencer.deadline { deadlines.insert(spi, at: dueAt) }
    }

    private mutating func receive(_ buffer: [UInt8], _ count: Int, from source: SocketAddress) throws(SystemError) {
        guard count == LeaseMessage.byteCount, let message = LeaseMessage(Array(buffer[..<count])) else {
            report.malformed += 1
            isReportNew = true
            return
        }
        guard holders[message.holder] == source.address else {
            report.strange += 1
            isReportNew = true
            return
        }
        ports[message.holder] = source.port
        guard entries[message.spi] != nil else {
            report.unknownAssociation += 1
            isReportNew = true
            guard case .request(let request) = message.body else { return }
            var refusal = message
            refusal.body = .refusal(request: request.identifier, .unknownAssociation)
            try endpoint.socket.send(refusal.bytes, to: source)
            return
        }
        try perform(entries[message.spi]!.sequencer.receive(message, at: clock.now), of: message.spi)
    }

    private mutating func tick() throws(SystemError) {
        // Each once a round, so that nobody keeps the thread from the socket.
        var due: [SPI] = []
        let now = clock.now
        while let (at, spi) = deadlines.pop(until: now) {
            guard entries[spi]?.dueAt == at else { continue }
            entries[spi]!.dueAt = nil
            due.append(spi)
        }
        for spi in due { try perform(entries[spi]!.sequencer.tick(at: clock.now), of: spi) }
    }

    private mutating func perform(_ actions: [Sequencer.Action], of spi: SPI) throws(SystemError) {
        for action in actions {
            switch action {
            case .send(let message):
                guard let address = holders[message.holder], let port = ports[message.holder] else { continue }
                try endpoint.socket.send(message.bytes, to: SocketAddress(address: address, port: port))
            case .reserve(let mark): try reserve(upTo: mark, of: spi)
            }
        }
        note(spi)
    }

    /// Written on this thread: half a step of numbers is left meanwhile.
    private mutating func reserve(upTo mark: UInt64, of spi: SPI) throws(SystemError) {
        guard entries[spi] != nil else { return }
        let answer: [Sequencer.Action]
        do throws(SystemError) {
            try reservations[spi]?.reserve(upTo: mark)
            report.reservationFailure = nil
            answer = entries[spi]!.sequencer.reserved(upTo: mark, at: clock.now)
        } catch {
            report.failedReservations += 1
            report.reservationFailure = error
            answer = entries[spi]!.sequencer.reservationFailed(at: clock.now)
        }
        try perform(answer, of: spi)
    }
}
