public import Associations

/// What has to be in the coupling facility before anybody hears of it.
struct CouplingState {
    /// Whether the DVIPAs are ours; from the beginning on without a facility.
    var isOwner: Bool
    private(set) var lastTicket: UInt64 = 0
    var done: UInt64 = 0
    /// What must not be told to anybody before its numbers are reserved, and what comes behind it.
    var order = PublicationOrder<ControlLoop.Step>()
    /// Barriers that have been reached or not, each with the change that it waits for besides.
    var waits: [PeerSessions.ID: Wait] = [:]
    /// The names of the outbound SAs' numbers.
    var sequenceKeys: [SPI: SequenceKey] = [:]
    /// Reservations under way, in the order of their tickets.
    var reservings: [(ticket: UInt64, reserving: SequencerService.Reserving)] = []
    /// Why nothing can be written, in words.
    var trouble: String?

    struct Wait {
        var ticket: UInt64
        /// nil until the targets have it.
        var missing: [HolderID]?
    }

    init(isOwner: Bool) { self.isOwner = isOwner }

    mutating func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }
}

extension ControlLoop {
    mutating func receiveCoupling() throws(SystemError) {
        guard let coupling = hooks.coupling else { return }
        for event in coupling.takeEvents() {
            switch event {
            case .written(let event): try take(event)
            case .rewrapped(let count, let unreadable):
                hooks.log("coupling: \(count) values are wrapped under the present key now")
                for value in unreadable { hooks.log("coupling: \(value.key) cannot be read: \(value.failure)") }
            }
        }
    }

    private mutating func take(_ event: CouplingWriter.Event) throws(SystemError) {
        switch event {
        case .owner(let epoch, let records): own(epoch, records)
        case .heldBy(let member): hooks.log("coupling: \(member) owns the addresses; this router waits")
        case .done(let ticket):
            couplingState.done = ticket
            try settle()
        case .fenced: hooks.withdraw("another router owns the addresses")
        case .unreachable(_, let failure):
            couplingState.trouble = "\(failure)"
            hooks.log("coupling: \(failure); traffic goes on, new SAs wait")
        case .reachable:
            couplingState.trouble = nil
            hooks.log("coupling: reachable again")
        case .leaseLost:
            counts["coupling.leaseLost", default: 0] += 1
            hooks.log("coupling: the lease is over; no new SAs and no new numbers until it is back")
        case .leaseRegained: hooks.log("coupling: the lease is back")
        }
    }

    /// The addresses are ours, in a new epoch. SAs that IKE made for the owner before ended with its process.
    private mutating func own(_ epoch: Epoch, _ records: CouplingRecords) {
        hooks.log("coupling: this router owns the addresses, epoch \(epoch.rawValue)")
        for value in records.unreadable {
            counts["coupling.unreadable", default: 0] += 1
            hooks.log("coupling: \(value.key) cannot be read: \(value.failure)")
        }
        couplingState.isOwner = true
        publisher.epoch = epoch
        hooks.publish(.epoch(epoch))
        for association in records.associations {
            submit(.remove(ShadowEntry.Key(spi: association.spi, direction: association.direction)))
        }
        let unreadable = Set(records.unreadable.map(\.key))
        var kept: Set<SequenceKey> = []
        for association in settings.sharedAssociations {
            let key = association.sequenceKey
            kept.insert(key)
            // A mark that is there and cannot be read is not taken for none.
            if unreadable.contains(where: { $0.hasSuffix("/" + key.description) }) {
                hooks.log("coupling: \(association.name) sends nothing: its mark cannot be read")
                continue
            }
            couplingState.sequenceKeys[association.spi] = key
            hooks.sequence(association, records.marks[key] ?? 1)
        }
        for key in records.marks.keys where !kept.contains(key) { submit(.forget(key)) }
        hooks.advance(epoch)
    }

    /// What is published is stored; `barrier` waits for it.
    /// - Returns: the ticket that must be done before anybody hears of it. An outbound SA comes with its first numbers: a
    ///   target sends under it as soon as it has it.
    mutating func store(_ entry: ShadowEntry) -> UInt64 {
        guard hooks.coupling != nil else { return 0 }
        switch entry {
        case .install(let association):
            submit(.store(association))
            guard association.direction == .outbound else { return 0 }
            let key = association.sequenceKey
            couplingState.sequenceKeys[association.spi] = key
            return submit(.reserve(key, mark: Reservation.firstMark))
        case .remove(let spi, let direction):
            submit(.remove(ShadowEntry.Key(spi: spi, direction: direction)))
            if direction == .outbound, let key = couplingState.sequenceKeys.removeValue(forKey: spi) {
                submit(.forget(key))
            }
        case .begin, .complete, .relay, .relocate, .allow, .advance: break
        }
        return 0
    }

    mutating func reserve(_ reserving: SequencerService.Reserving) {
        guard let key = couplingState.sequenceKeys[reserving.spi] else {
            hooks.reserved(reserving, false)
            return
        }
        // It is asked again while nobody answers.
        guard !couplingState.reservings.contains(where: { $0.reserving == reserving }) else { return }
        let ticket = submit(.reserve(key, mark: reserving.upTo))
        couplingState.reservings.append((ticket, reserving))
    }

    @discardableResult
    private mutating func submit(_ change: CouplingChange) -> UInt64 {
        let ticket = couplingState.nextTicket()
        if hooks.coupling?.submit(change, ticket: ticket) == false {
            // Nothing may be said to be stored that is not, so this cannot go on.
            hooks.withdraw("more changes wait for the coupling facility than may")
        }
        return ticket
    }

    mutating func wait(_ id: PeerSessions.ID) {
        couplingState.waits[id] = CouplingState.Wait(ticket: couplingState.lastTicket, missing: nil)
    }

    /// - Parameter ticket: of what must be done before; 0 for nothing.
    mutating func take(_ step: Step, after ticket: UInt64) throws(SystemError) {
        guard couplingState.order.mayPass(step, after: ticket, done: couplingState.done) else { return }
        try carryOut(step)
    }

    /// Every target in service has it, but for those named.
    mutating func distributed(_ id: PeerSessions.ID, missing: [HolderID]) throws(SystemError) {
        couplingState.waits[id]?.missing = missing
        try settle()
    }

    private mutating func settle() throws(SystemError) {
        let done = hooks.coupling == nil ? .max : couplingState.done
        while let first = couplingState.reservings.first, first.ticket <= done {
            couplingState.reservings.removeFirst()
            hooks.reserved(first.reserving, true)
        }
        while let step = couplingState.order.next(done: done) {
            try carryOut(step)
            couplingState.order.carriedOut()
        }
        for (id, wait) in couplingState.waits.sorted(by: { $0.key < $1.key }) {
            guard wait.ticket <= done, let missing = wait.missing else { continue }
            couplingState.waits[id] = nil
            try perform(sessions.settled(id, missing: missing, at: clock.now, using: &random))
        }
    }
}

extension SecurityAssociation {
    /// Names its numbers: of another key under the same SPI they are others.
    public var sequenceKey: SequenceKey {
        SequenceKey(spi: spi, fingerprint: String(substance.hexadecimal.prefix(32)))
    }
}
