internal import Associations
internal import Synchronization
internal import Wire

/// What the thread of a `SequencerService` has. A round costs what there is to do in it, however many SAs there are.
struct SequencerLoop {
    /// An SA's sequencer, and what was last said of it.
    struct Entry {
        var sequencer: Sequencer
        let marks: SequencerService.Association.Marks
        let ticket: UInt64
        /// That of `deadlines`.
        var dueAt: UInt64?
        var grantedEnd: UInt64
    }

    /// Nanoseconds. A report is copied whole.
    static let reportInterval: UInt64 = 100_000_000

    let endpoint: SequencerService.Endpoint
    let timing: Sequencer.Timing
    let hooks: SequencerService.Hooks
    let clock = MonotonicClock()
    var mail: LeaseMail
    var entries: [SPI: Entry] = [:]
    var deadlines = DeadlineQueue<SPI>()
    var nextTicket: UInt64 = 0
    /// That were granted in this round.
    var grantedEnds: [SPI: UInt64] = [:]
    var report = SequencerService.Report()
    var isReportNew = true
    var nextReportAt: UInt64 = 0

    init(
        endpoint: SequencerService.Endpoint, holders: [HolderID: IPAddress],
        associations: [SequencerService.Association], timing: Sequencer.Timing, protection: LeaseProtection,
        hooks: SequencerService.Hooks
    ) {
        self.endpoint = endpoint
        self.timing = timing
        self.hooks = hooks
        mail = LeaseMail(holders: holders, protection: protection)
        for association in associations { add(association) }
    }

    private mutating func add(_ association: SequencerService.Association) {
        let reservation =
            switch association.marks {
            case .unwritten: Reservation(mark: 1, lastNumber: association.lastNumber)
            case .file(let file): Reservation(mark: file.initialMark, lastNumber: association.lastNumber)
            case .coupled(let first, let upTo):
                Reservation(first: first, mark: upTo, lastNumber: association.lastNumber)
            }
        let sequencer = Sequencer(
            spi: association.spi, replayWindow: association.replayWindow, reservation: reservation,
            identifierSeed: .random(in: 0 ... .max), timing: timing, at: clock.now)
        nextTicket += 1
        report.unreserved.remove(association.spi)
        entries[association.spi] = Entry(
            sequencer: sequencer, marks: association.marks, ticket: nextTicket, grantedEnd: sequencer.grantedEnd)
    }

    private mutating func take(_ change: SequencerService.Change) throws(SystemError) {
        switch change {
        case .add(let association):
            add(association)
            try perform(entries[association.spi]!.sequencer.start(at: clock.now), of: association.spi)
        case .remove(let spi):
            entries[spi] = nil
            report.sequencers[spi] = nil
            report.unreserved.remove(spi)
            grantedEnds[spi] = nil
            isReportNew = true
        case .protect(let holder, let key, let epoch): mail.protect(holder, key, epoch)
        case .unprotect(let holder): mail.unprotect(holder)
        case .advance(let epoch): mail.advance(to: epoch)
        case .reserved(let reserving):
            guard isCurrent(reserving) else { return }
            report.unreserved.remove(reserving.spi)
            let actions = entries[reserving.spi]!.sequencer.reserved(upTo: reserving.upTo, at: clock.now)
            try perform(actions, of: reserving.spi)
        case .failed(let reserving):
            guard isCurrent(reserving) else { return }
            report.failedReservations += 1
            report.unreserved.insert(reserving.spi)
            try perform(entries[reserving.spi]!.sequencer.reservationFailed(at: clock.now), of: reserving.spi)
        }
    }

    private mutating func isCurrent(_ reserving: SequencerService.Reserving) -> Bool {
        guard entries[reserving.spi]?.ticket == reserving.ticket else {
            report.staleReservations += 1
            isReportNew = true
            return false
        }
        return true
    }

    mutating func run(_ context: ServiceThread.Context, _ shared: SequencerService.Shared) {
        var buffer = [UInt8](repeating: 0, count: 2048)
        do throws(SystemError) {
            for spi in entries.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
                try perform(entries[spi]!.sequencer.start(at: clock.now), of: spi)
            }
            while !context.isStopping {
                // Before the datagrams: a holder that has a key may use it at once.
                try takeChanges(shared)
                // A flood must not keep the machines from their deadlines, nor the thread from stopping.
                for _ in 0..<256 {
                    guard let (count, source) = try endpoint.socket.receive(into: &buffer) else { break }
                    try receive(buffer, count, from: source)
                }
                try takeChanges(shared)
                try tick()
                let now = clock.now
                publish(to: shared, at: now)
                let deadline = [deadlines.first, isReportNew ? nextReportAt : nil].compactMap { $0 }.min()
                context.pause([endpoint.socket.descriptor], nanoseconds: deadline.map { $0 > now ? $0 - now : 0 })
            }
        } catch {
            report.socketFailure = error
        }
        giveBack()
        shared.report.withLock { $0 = report }
    }

    private mutating func takeChanges(_ shared: SequencerService.Shared) throws(SystemError) {
        let changes = shared.changes.withLock { changes in
            defer { changes = [] }
            return changes
        }
        for change in changes { try take(change) }
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
        let message: LeaseMessage
        do throws(LeaseMail.Fault) {
            message = try mail.open(Array(buffer.prefix(count)), from: source)
        } catch {
            switch error {
            case .malformed: report.malformed += 1
            case .strange: report.strange += 1
            case .unprotected: report.unprotected += 1
            case .seal(let fault): report.sealFaults[fault, default: 0] += 1
            }
            isReportNew = true
            return
        }
        guard entries[message.spi] != nil else {
            report.unknownAssociation += 1
            isReportNew = true
            guard case .request(let request) = message.body else { return }
            var refusal = message
            refusal.body = .refusal(request: request.identifier, .unknownAssociation)
            try send(refusal)
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
            case .send(let message): try send(message)
            case .reserve(let mark): try reserve(upTo: mark, of: spi)
            }
        }
        note(spi)
    }

    private mutating func send(_ message: LeaseMessage) throws(SystemError) {
        guard let (bytes, destination) = mail.seal(message) else { return }
        try endpoint.socket.send(bytes, to: destination)
    }

    /// Half a step of numbers is left meanwhile.
    private mutating func reserve(upTo mark: UInt64, of spi: SPI) throws(SystemError) {
        guard let entry = entries[spi] else { return }
        let answer: [Sequencer.Action]
        switch entry.marks {
        case .coupled:
            let from = entry.sequencer.reservedEnd
            hooks.reserve(SequencerService.Reserving(spi: spi, from: from, upTo: mark, ticket: entry.ticket))
            return
        case .unwritten:
            answer = entries[spi]!.sequencer.reserved(upTo: mark, at: clock.now)
        case .file(let file):
            do throws(SystemError) {
                try file.reserve(upTo: mark)
                report.reservationFailure = nil
                answer = entries[spi]!.sequencer.reserved(upTo: mark, at: clock.now)
            } catch {
                report.failedReservations += 1
                report.reservationFailure = error
                answer = entries[spi]!.sequencer.reservationFailed(at: clock.now)
            }
        }
        try perform(answer, of: spi)
    }

    /// At the end, when nothing is granted any more: so a restart does not cost a step of numbers.
    private mutating func giveBack() {
        for (spi, entry) in entries {
            guard let next = entry.sequencer.neverGranted else { continue }
            switch entry.marks {
            case .unwritten: break
            case .coupled: hooks.giveBack(spi, entry.sequencer.reservedEnd, next)
            case .file(let file):
                do throws(SystemError) {
                    try file.reserve(upTo: next)
                } catch {
                    // The mark stays where it was, or is where it should be: good either way.
                    report.reservationFailure = error
                }
            }
        }
    }
}
