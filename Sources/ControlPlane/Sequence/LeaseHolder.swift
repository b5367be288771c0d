public import Associations

/// A sender's half of the lease protocol (docs/sequence-leases.md), one for each outbound SA it shares.
///
/// A machine without I/O. It runs on the thread of the packet path, which owns the lease in use; every call brings
/// `next`, the packet path's first unused number of the SA (0 before its first lease), read right before. So when a
/// lease is withdrawn nothing can be sent between the question how far it got and the answer. Published leases replace
/// what the packet path held, at once and before its next packet.
///
/// ```
/// // After each batch, and at `deadline`:
/// let actions = holder.poll(queued: waiting, next: host.next(spi), at: clock.now)
/// for case .send(let message) in actions { socket.send(message.bytes, to: router) }
/// for case .publish(let publication) in actions { host.apply(publication) }
/// ```
public struct LeaseHolder: Sendable {
    /// Durations in nanoseconds.
    public struct Timing: Sendable, Equatable {
        /// Until an unanswered request is repeated; doubled each time up to `repetitionCeiling`.
        public var repetition: UInt64
        public var repetitionCeiling: UInt64
        /// Until a refused request is repeated.
        public var patience: UInt64 = 20_000_000

        /// `validity`: of the sequencer's leases. A request that waits is repeated within it, so that a lease that is
        /// granted to its latest copy is still fresh when it comes.
        public init(validity: UInt64 = 10_000_000) {
            repetitionCeiling = min(20_000_000, validity / 5 * 2)
            repetition = min(2_000_000, repetitionCeiling)
        }
    }

    public enum Action: Sendable, Equatable {
        case send(LeaseMessage)
        /// For the packet path, before it sends anything more. A lease whose `validUntil` is 0 is a withdrawal.
        case publish(SPI, SequenceLease)
    }

    /// What happened, by name.
    public struct Tally: Sendable, Equatable {
        public var leases = 0
        public var repeatedRequests = 0
        /// Answers to questions no longer asked, messages of or for other processes.
        public var staleMessages = 0
        /// Leases that were over before they came.
        public var lateLeases = 0
        /// Leases that ran out with numbers left.
        public var expiredLeases = 0
        public var revocations = 0
        public var refusals = 0
    }

    /// The lease in use.
    private struct Held: Sendable {
        var lease: SequenceLease
        var isSole: Bool
        /// Sole leases are renewed, or given back when unused, from this moment on ...
        var renewsAt: UInt64
        /// ... or from this number on.
        var lowWater: UInt64
    }

    /// A request without an answer.
    private struct Pending: Sendable {
        var identifier: UInt64
        var count: UInt32
        /// When its first copy was sent.
        var askedAt: UInt64
        var repeatsAt: UInt64
        var interval: UInt64
    }

    public let spi: SPI
    public let holder: HolderID
    public let incarnation: UInt64
    public let timing: Timing
    private var held: Held?
    private var pending: Pending?
    /// The last lease that is over; every later request reports it, and a repeated revocation is answered with it.
    private var ended: LeaseReport?
    /// Nobody has been told of `ended` yet.
    private var owesReport = false
    /// All numbers below it are over for this process, used or not: it never uses one of them (again).
    private var usedEnd: UInt64 = 0
    private var requests: UInt64 = 0
    /// Why the sequencer gives no numbers; nil again with the next lease.
    public private(set) var refusal: LeaseRefusal?
    public private(set) var tally = Tally()

    /// `incarnation` is random, drawn when the process starts.
    public init(spi: SPI, holder: HolderID, incarnation: UInt64, timing: Timing = Timing()) {
        self.spi = spi
        self.holder = holder
        self.incarnation = incarnation
        self.timing = timing
    }

    /// When `poll` has something to do though no packet comes; nil while it has not.
    public var deadline: UInt64? {
        if owesReport { return 0 }
        let renewal = held.map {
            $0.isSole && pending == nil ? min($0.renewsAt, $0.lease.validUntil) : $0.lease.validUntil
        }
        guard let renewal else { return pending?.repeatsAt }
        return min(renewal, pending?.repeatsAt ?? .max)
    }

    /// After every batch, and at `deadline`. `queued` packets have no number yet (0: all are sent).
    public mutating func poll(queued: Int, next: UInt64, at now: UInt64) -> [Action] {
        usedEnd = max(usedEnd, next)
        // The way of nearly every call of the only sender: all is well.
        if let held, held.isSole, pending == nil, next < held.lowWater, now < held.renewsAt { return [] }
        var actions: [Action] = []
        inspectLease(queued: queued, next: next, at: now, into: &actions)
        if held == nil && queued == 0 {
            // Whoever waits for these numbers need not wait until they expire.
            pending = nil
            report(into: &actions)
        } else if pending == nil {
            if held == nil { ask(queued, at: now, into: &actions) }
        } else {
            repeatRequest(queued, at: now, into: &actions)
        }
        return actions
    }

    public mutating func receive(_ message: LeaseMessage, next: UInt64, at now: UInt64) -> [Action] {
        usedEnd = max(usedEnd, next)
        var actions: [Action] = []
        guard message.spi == spi, message.holder == holder, message.incarnation == incarnation else {
            tally.staleMessages += 1
            return actions
        }
        switch message.body {
        case .grant(let grant): accept(grant, at: now, into: &actions)
        case .revoke(let lease): revoke(lease, next: next, into: &actions)
        case .refusal(let request, let reason):
            guard pending?.identifier == request else {
                tally.staleMessages += 1
                return actions
            }
            tally.refusals += 1
            refusal = reason
            pending?.repeatsAt = now + timing.patience
            pending?.interval = timing.repetition
        case .request, .release: tally.staleMessages += 1
        }
        return actions
    }

    // MARK: The lease in use

    private mutating func inspectLease(queued: Int, next: UInt64, at now: UInt64, into actions: inout [Action]) {
        guard let held else { return }
        if next >= held.lease.end {
            end(held.lease)
        } else if now >= held.lease.validUntil {
            tally.expiredLeases += 1
            withdraw(held.lease, into: &actions)
        } else if !held.isSole {
            // Numbers nobody waits for any more keep others from sending.
            if queued == 0 { withdraw(held.lease, into: &actions) }
        } else if pending == nil && (next >= held.lowWater || now >= held.renewsAt) {
            if next > held.lease.first || queued > 0 {
                ask(max(queued, 1), at: now, into: &actions)
            } else {
                withdraw(held.lease, into: &actions)
            }
        }
    }

    /// The packet path drops the lease before it sends anything more: `usedEnd` is how far it got.
    private mutating func withdraw(_ lease: SequenceLease, into actions: inout [Action]) {
        let unused = max(usedEnd, lease.first)
        actions.append(
            .publish(spi, SequenceLease(identifier: lease.identifier, first: unused, end: unused + 1, validUntil: 0)))
        end(lease)
    }

    private mutating func end(_ lease: SequenceLease) {
        ended = LeaseReport(lease: lease.identifier, usedEnd: usedEnd, isFinal: true)
        owesReport = true
        held = nil
    }

    private mutating func revoke(_ lease: UInt64, next: UInt64, into actions: inout [Action]) {
        if let held, held.lease.identifier == lease {
            tally.revocations += 1
            withdraw(held.lease, into: &actions)
            report(into: &actions)
        } else if let ended, ended.lease == lease {
            // The release was lost.
            owesReport = true
            report(into: &actions)
        } else {
            // Perhaps its grant is still on the way. To answer now and take that later would use numbers twice.
            tally.staleMessages += 1
        }
    }

    private mutating func report(into actions: inout [Action]) {
        guard owesReport, let ended else { return }
        owesReport = false
        actions.append(.send(message(.release(lease: ended.lease, usedEnd: ended.usedEnd))))
    }

    // MARK: Questions and answers

    private mutating func ask(_ count: Int, at now: UInt64, into actions: inout [Action]) {
        requests += 1
        pending = Pending(
            identifier: requests, count: UInt32(clamping: count), askedAt: now, repeatsAt: now + timing.repetition,
            interval: timing.repetition)
        sendRequest(at: now, into: &actions)
    }

    private mutating func repeatRequest(_ queued: Int, at now: UInt64, into actions: inout [Action]) {
        // A lease that is over is told at once: others wait for its numbers.
        guard var again = pending, now >= again.repeatsAt || owesReport else { return }
        again.count = UInt32(clamping: max(queued, 1))
        again.interval = min(2 * again.interval, timing.repetitionCeiling)
        again.repeatsAt = now + again.interval
        pending = again
        tally.repeatedRequests += 1
        sendRequest(at: now, into: &actions)
    }

    private mutating func sendRequest(at now: UInt64, into actions: inout [Action]) {
        guard let pending else { return }
        let progress = held.map {
            LeaseReport(lease: $0.lease.identifier, usedEnd: max(usedEnd, $0.lease.first), isFinal: false)
        }
        if progress == nil { owesReport = false }
        actions.append(
            .send(
                message(
                    .request(
                        LeaseMessage.Request(
                            identifier: pending.identifier, count: pending.count, askedAt: now,
                            report: progress ?? ended)))))
    }

    private mutating func accept(_ grant: LeaseMessage.Grant, at now: UInt64, into actions: inout [Action]) {
        guard let pending, pending.identifier == grant.request, pending.askedAt <= grant.askedAt, grant.askedAt <= now
        else {
            tally.staleMessages += 1
            returnUnknown(grant, into: &actions)
            return
        }
        self.pending = nil
        refusal = nil
        // A renewed lease takes the numbers that are left along; those used meanwhile are not used again.
        let first = max(grant.first, usedEnd)
        let validity = UInt64(grant.validityMicroseconds) * 1000
        guard first < grant.end, now < grant.askedAt + validity else {
            tally.lateLeases += 1
            if let held { withdraw(held.lease, into: &actions) }
            ended = LeaseReport(lease: grant.lease, usedEnd: usedEnd, isFinal: true)
            owesReport = true
            return
        }
        let lease = SequenceLease(
            identifier: grant.lease, first: first, end: grant.end, validUntil: grant.askedAt + validity)
        if let held, grant.first >= held.lease.end {
            // No renewal but other numbers: the rest of the old lease goes unused.
            end(held.lease)
            report(into: &actions)
        }
        held = Held(
            lease: lease, isSole: grant.isSole, renewsAt: grant.askedAt + validity / 2,
            lowWater: grant.end - (grant.end - grant.first) / 4)
        tally.leases += 1
        actions.append(.publish(spi, lease))
    }

    /// A lease this process asked for and does not want any more goes back untouched; what it overlaps with an earlier
    /// one counts as used.
    private mutating func returnUnknown(_ grant: LeaseMessage.Grant, into actions: inout [Action]) {
        guard grant.request <= requests, grant.request != pending?.identifier, grant.lease != held?.lease.identifier,
            grant.lease != ended?.lease
        else { return }
        actions.append(.send(message(.release(lease: grant.lease, usedEnd: usedEnd))))
    }

    private func message(_ body: LeaseMessage.Body) -> LeaseMessage {
        LeaseMessage(spi: spi, holder: holder, incarnation: incarnation, body: body)
    }
}
