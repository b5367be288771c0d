internal import Associations

/// How the epoch is won, and lost.
extension CouplingWriter {
    mutating func nextOnMain(at now: UInt64) -> Request? {
        if isAsking { return nil }
        if let retryAt, now < retryAt { return nil }
        guard let request = request(at: now) else { return nil }
        retryAt = nil
        isAsking = true
        return request
    }

    private mutating func request(at now: UInt64) -> Request? {
        switch phase {
        case .idle, .fenced: return nil
        case .leasing:
            keepSentAt = now
            return .grantLease(seconds: leaseSeconds)
        // Nothing is to be done when both are absent, so it only reads, and both at once.
        case .scouting: return .commit(CouplingTransaction(when: [.absent(keys.epoch), .absent(keys.owner)], []))
        case .acquiring(let transaction, _): return .commit(transaction)
        // Behind the acquisition: the owner before cannot write any more.
        case .loading: return .list(keys.prefix)
        case .owning:
            if lease == nil && pending == nil {
                keepSentAt = now
                return .grantLease(seconds: leaseSeconds)
            }
            if pending == nil { pending = nextTransaction(at: now) }
            return pending.map { .commit($0.transaction) }
        }
    }

    mutating func answeredOnMain(_ answer: Answer, at now: UInt64) {
        precondition(isAsking, "an answer to nothing")
        isAsking = false
        if case .failed(let failure) = answer { return failed(failure, at: now) }
        wait = Self.retry.first
        found()
        switch (phase, answer) {
        case (.leasing, .lease(let lease)):
            begin(lease)
            phase = .scouting
        case (.owning, .lease(let lease)):
            begin(lease)
        case (.scouting, .outcome(let outcome)): scouted(outcome, at: now)
        case (.acquiring(_, let epoch), .outcome(.committed)):
            phase = .loading(epoch)
            isRecordGone = lease == nil
        // Somebody was faster.
        case (.acquiring, .outcome(.refused)): phase = .scouting
        case (.loading(let epoch), .listing(let listing)): loaded(listing, epoch)
        case (.owning(let epoch), .outcome(let outcome)): written(outcome, epoch)
        default: preconditionFailure("an answer to another question")
        }
    }

    private mutating func failed(_ failure: CouplingFailure, at now: UInt64) {
        if case .leaseGone = failure {
            // Of what was to be put with it nothing was done.
            loseLease()
            if pending?.lease != nil { pending = nil }
            if case .acquiring = phase { phase = .leasing }
            return
        }
        // It may have been done: whether it was is seen by looking again.
        if case .acquiring = phase { phase = .scouting }
        retryAt = now + wait
        wait = min(wait * 2, Self.retry.most)
        lost(failure, at: now)
    }

    private mutating func lost(_ failure: CouplingFailure, at now: UInt64) {
        guard unreachableSince == nil else { return }
        unreachableSince = now
        events.append(.unreachable(since: now, failure))
    }

    private mutating func found() {
        guard unreachableSince != nil else { return }
        unreachableSince = nil
        events.append(.reachable)
    }

    private mutating func scouted(_ outcome: CouplingOutcome, at now: UInt64) {
        var found: [CouplingEntry] = []
        if case .refused(let entries) = outcome { found = entries }
        let epochEntry = found.first { $0.key == keys.epoch }
        let ownerEntry = found.first { $0.key == keys.owner }
        guard let former = epochEntry.map({ Self.number($0.value) }) ?? 0, former < UInt64(UInt32.max) else {
            // Nobody of ours wrote that: no number is made up for it.
            return failed(.damaged("\(keys.epoch) holds no epoch"), at: now)
        }
        // A process of our own name before us is gone: its successor does not wait for its lease.
        if let ownerEntry, ownerEntry.value != Array(member.utf8) {
            let name = String(decoding: ownerEntry.value, as: UTF8.self)
            if holder != name { events.append(.heldBy(name)) }
            holder = name
            retryAt = now + Self.patience
            return
        }
        let epoch = Epoch(rawValue: UInt32(former) + 1)
        let transaction = CouplingTransaction(
            when: [
                epochEntry.map { .value(keys.epoch, $0.value) } ?? .absent(keys.epoch),
                ownerEntry.map { .revision(keys.owner, $0.modifiedRevision) } ?? .absent(keys.owner),
            ],
            [
                .put(keys.epoch, Self.text(UInt64(epoch.rawValue))), .put(keys.step, Self.step(epoch, 0)),
                .put(keys.owner, Array(member.utf8), lease),
            ])
        phase = lease == nil ? .leasing : .acquiring(transaction, epoch)
    }

    private mutating func loaded(_ listing: CouplingListing, _ epoch: Epoch) {
        guard listing.entries.contains(where: { $0.key == keys.epoch && $0.value == Self.text(epoch) }) else {
            return fence()
        }
        let records = CouplingRecords(listing.entries, keys: keys, ring: ring)
        marks = records.marks
        step = 0
        holder = nil
        phase = .owning(epoch)
        events.append(.owner(epoch, records))
    }

    mutating func fence() {
        phase = .fenced
        pending = nil
        queue = []
        lease = nil
        retryAt = nil
        events.append(.fenced)
    }

    // MARK: The lease

    private mutating func begin(_ granted: CouplingLease) {
        lease = granted
        isKeeping = false
        // Counted from before it was asked for, so never longer than the facility counts it.
        leaseEnds = keepSentAt + UInt64(granted.seconds) * 1_000_000_000
        keepAt = keepSentAt + UInt64(granted.seconds) * 1_000_000_000 / 3
    }

    mutating func nextOnLease(at now: UInt64) -> Request? {
        guard let lease else { return nil }
        if now >= leaseEnds { announceLoss() }
        guard !isKeeping, now >= keepAt else { return nil }
        isKeeping = true
        keepSentAt = now
        return .keepAlive(lease)
    }

    mutating func answeredOnLease(_ answer: Answer, at now: UInt64) {
        // It may have gone meanwhile, by another way.
        guard isKeeping, let lease else {
            isKeeping = false
            return
        }
        isKeeping = false
        switch answer {
        case .kept:
            begin(lease)
            // What the main line waits for may be something else, a full disk for instance.
            if retryAt == nil { found() }
            if !isRecordGone { regain() }
        case .failed(.leaseGone): loseLease()
        case .failed(let failure):
            keepAt = now + Self.retry.first * 4
            // Nobody may have anything to write for hours: then this is how it is noticed.
            lost(failure, at: now)
        default: preconditionFailure("an answer to another question")
        }
    }

    private mutating func loseLease() {
        lease = nil
        isKeeping = false
        isRecordGone = true
        announceLoss()
    }

    private mutating func announceLoss() {
        guard case .owning = phase, !isLeaseLost else { return }
        isLeaseLost = true
        events.append(.leaseLost)
    }

    mutating func regain() {
        isRecordGone = false
        guard isLeaseLost else { return }
        isLeaseLost = false
        events.append(.leaseRegained)
    }

    // MARK: Values

    static func number(_ value: [UInt8]) -> UInt64? { UInt64(String(decoding: value, as: UTF8.self)) }
    static func text(_ number: UInt64) -> [UInt8] { Array("\(number)".utf8) }
    static func text(_ epoch: Epoch) -> [UInt8] { text(UInt64(epoch.rawValue)) }
    static func step(_ epoch: Epoch, _ number: UInt64) -> [UInt8] { Array("\(epoch.rawValue) \(number)".utf8) }
}
