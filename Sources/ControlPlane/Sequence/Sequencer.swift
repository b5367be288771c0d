public import Associations

/// Hands out the sequence numbers of one outbound SA to the hosts that send under it, such that the peer's replay
/// window never drops one (docs/sequence-leases.md).
///
/// A machine without I/O: messages and times come in, actions go out in order. `now` is nanoseconds of this host's
/// monotonic clock. After an action `.reserve` the host calls `reserved(upTo:at:)` or `reservationFailed(at:)`; at
/// `deadline` it calls `tick(at:)`.
///
/// What never happens, whatever the clocks and the link do: a number granted twice. Numbers come from below the
/// reservation's mark and in rising order; only the tail of the very last lease is granted again, and only after its
/// holder has said that it stopped. Clocks decide nothing but how long a silent holder keeps the others waiting.
public struct Sequencer: Sendable {
    /// What it holds at most; beyond it refuses by name.
    public enum Limit {
        /// Senders that have asked within `Timing.memoryNanoseconds`. Each has at most one request waiting.
        public static let holders = 64
        /// Leases outstanding, those of dead processes included.
        public static let leases = 256
    }

    /// Durations in nanoseconds.
    public struct Timing: Sendable, Equatable {
        /// Of a lease among several senders.
        public var validity: UInt64
        /// Of the lease of the only sender.
        public var soleValidity: UInt64
        /// A sender counts as active until it has not asked for so long.
        public var activity: UInt64 = 100_000_000
        /// Until an unanswered revocation is repeated.
        public var revocation: UInt64 = 2_000_000
        /// How much longer one packet may be on its way to the peer than another; waited out once whenever a sender is
        /// no longer alone, since alone it may have sent any number of packets just now.
        public var flight: UInt64 = 1_000_000
        /// Silent senders are forgotten after so long when room is needed.
        public var memory: UInt64 = 1_000_000_000

        /// How much longer the sequencer holds a lease than its holder may use it, before it lets others pass: a holder
        /// that lost the processor between its look at the clock and the sending is late by so much at most. Waited out
        /// only when a holder has died or stalled.
        public var grace: UInt64

        public init(validity: UInt64 = 10_000_000, grace: UInt64 = 90_000_000) {
            self.validity = validity
            self.grace = grace
            soleValidity = max(validity, 50_000_000)
        }

        /// A request that waits is repeated at least this often; one that is not is taken for dead.
        var freshness: UInt64 { validity / 4 * 3 }
    }

    public enum Action: Sendable, Equatable {
        case send(LeaseMessage)
        /// Write this mark down durably, then say so.
        case reserve(upTo: UInt64)
    }

    /// What happened, by name.
    public struct Tally: Sendable, Equatable {
        public var grants = 0
        public var repeatedGrants = 0
        public var revocations = 0
        /// Leases whose holder did not answer in time; their numbers are lost.
        public var expiredLeases = 0
        public var refusals = 0
        /// Messages that came too late or twice, were answered before, or are none for a sequencer.
        public var staleMessages = 0
        /// Waiting requests given up because nobody repeated them.
        public var abandonedRequests = 0
        /// Numbers that will never be used: tails of leases with something granted beyond them.
        public var burntNumbers: UInt64 = 0
    }

    /// A request that waits for its turn.
    struct Waiting: Sendable {
        var message: LeaseMessage
        var request: LeaseMessage.Request
        /// When its latest copy came.
        var arrivedAt: UInt64
    }

    /// What is remembered of a sender.
    struct Sender: Sendable {
        var incarnation: UInt64
        /// The latest; lower ones are stale.
        var request: UInt64 = 0
        /// The answer to it, to be repeated word for word while its lease lives.
        var grant: LeaseMessage?
        var askedAt: UInt64
    }

    public let spi: SPI
    /// Numbers from the oldest outstanding one on that may be out at once among several senders: half the peer's
    /// window, since the numbers before them may still be on their way to the peer.
    public let span: UInt64
    public let timing: Timing
    /// Numbers in the lease of the only sender.
    static let soleCount: UInt64 = 4096

    var reservation: Reservation
    /// The lowest number never granted, or granted and given back.
    var next: UInt64
    /// In rising order of numbers.
    var outstanding: [OutstandingLease] = []
    var senders: [HolderID: Sender] = [:]
    /// In the order of arrival; at most one a sender.
    var queue: [Waiting] = []
    var nextIdentifier: UInt64
    /// Nothing is granted before: leases of an earlier process may still be in use.
    let opensAt: UInt64
    var isOpen = false
    /// Several senders get nothing before: the last packets of the one that was alone are still on their way.
    var quietUntil: UInt64?
    public internal(set) var tally = Tally()
    /// The number behind the highest one that was granted.
    public var grantedEnd: UInt64 { next }
    /// Numbers below it are reserved.
    public var reservedEnd: UInt64 { reservation.mark }
    /// From here on what is reserved was never granted, or was given back by a holder that stopped before it: a successor
    /// may begin here when this one ends. nil when nothing is left, and while a reservation is asked for, whose outcome
    /// nobody knows.
    public var neverGranted: UInt64? {
        next < reservation.mark && reservation.wanted == nil ? next : nil
    }

    /// - Parameters:
    ///   - replayWindow: the peer's, in packets. Traps when it is below 32 or above 4096.
    ///   - reservation: as the coupling facility has it. When its first number says that an earlier process granted
    ///     leases, the first grant waits until those have run out; they lie below, and what follows would overtake them.
    ///   - identifierSeed: random, so that no lease of an earlier process bears the name of one of ours.
    public init(
        spi: SPI, replayWindow: Int, reservation: Reservation, identifierSeed: UInt64, timing: Timing = Timing(),
        at now: UInt64
    ) {
        precondition(SecurityAssociation.replayWindowRange.contains(replayWindow))
        self.spi = spi
        self.timing = timing
        span = UInt64(replayWindow / 2)
        self.reservation = reservation
        next = reservation.first
        nextIdentifier = identifierSeed
        opensAt = reservation.first > 1 ? now + max(timing.validity, timing.soleValidity) + timing.grace : now
    }

    /// When `tick(at:)` has something to do next, nil while nothing waits.
    public var deadline: UInt64? {
        guard let head = queue.first else { return nil }
        guard isOpen else { return opensAt }
        var deadline = head.arrivedAt + timing.freshness
        if reservation.wanted == nil, let retryAt = reservation.retryAt { deadline = min(deadline, retryAt) }
        if let quietUntil { deadline = min(deadline, quietUntil) }
        for lease in outstanding {
            deadline = min(deadline, lease.expiresAt, lease.revocation ?? .max)
        }
        return deadline
    }

    /// Once at the start, so that numbers are reserved before the first request.
    public mutating func start(at now: UInt64) -> [Action] { tick(at: now) }

    public mutating func tick(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        expire(at: now)
        serve(at: now, into: &actions)
        return actions
    }

    public mutating func receive(_ message: LeaseMessage, at now: UInt64) -> [Action] {
        var actions: [Action] = []
        expire(at: now)
        guard message.spi == spi else {
            tally.staleMessages += 1
            return actions
        }
        switch message.body {
        case .request(let request): admit(request, of: message, at: now, into: &actions)
        case .release(let lease, let usedEnd):
            settle(LeaseReport(lease: lease, usedEnd: usedEnd, isFinal: true), of: message, at: now)
        case .grant, .revoke, .refusal: tally.staleMessages += 1
        }
        serve(at: now, into: &actions)
        return actions
    }

    /// Numbers below `mark` are reserved durably now.
    public mutating func reserved(upTo mark: UInt64, at now: UInt64) -> [Action] {
        reservation.reserved(upTo: mark)
        return tick(at: now)
    }

    /// They could not be. What is reserved stays good; beyond it requests are refused until a later try succeeds.
    public mutating func reservationFailed(at now: UInt64) -> [Action] {
        reservation.failed(at: now)
        return tick(at: now)
    }

    // MARK: Requests and reports

    private mutating func admit(
        _ request: LeaseMessage.Request, of message: LeaseMessage, at now: UInt64, into actions: inout [Action]
    ) {
        if let report = request.report { settle(report, of: message, at: now) }
        guard var sender = sender(of: message, at: now) else {
            refuse(request.identifier, of: message, .tooManyHolders, into: &actions)
            return
        }
        defer { senders[message.holder] = sender }
        guard request.identifier >= sender.request else {
            tally.staleMessages += 1
            return
        }
        let waiting = Waiting(message: message, request: request, arrivedAt: now)
        if request.identifier > sender.request {
            sender.request = request.identifier
            sender.grant = nil
            sender.askedAt = now
            queue.removeAll { $0.message.holder == message.holder }
            queue.append(waiting)
        } else if let grant = sender.grant {
            // Its answer was lost, or the request came twice. The answer counts while its lease lives, and only then.
            guard case .grant(let body) = grant.body, outstanding.contains(where: { $0.identifier == body.lease })
            else {
                tally.staleMessages += 1
                return
            }
            tally.repeatedGrants += 1
            sender.askedAt = now
            actions.append(.send(grant))
        } else if let index = queue.firstIndex(where: { $0.message.holder == message.holder }) {
            sender.askedAt = now
            // Copies may overtake each other: the latest question counts, for the count and for the validity.
            if request.askedAt >= queue[index].request.askedAt { queue[index] = waiting }
        } else {
            sender.askedAt = now
            queue.append(waiting)
        }
    }

    /// What is known of the sender, of its present process; nil when there is no room for one more.
    private mutating func sender(of message: LeaseMessage, at now: UInt64) -> Sender? {
        if let known = senders[message.holder] {
            if known.incarnation == message.incarnation { return known }
            queue.removeAll { $0.message.holder == message.holder }
        } else if senders.count >= Limit.holders {
            guard let silent = senders.min(by: { $0.value.askedAt < $1.value.askedAt }),
                now - silent.value.askedAt >= timing.memory
            else { return nil }
            senders[silent.key] = nil
        }
        return Sender(incarnation: message.incarnation, askedAt: now)
    }

    /// A holder says how far it got. Reports of leases that are gone change nothing: they came twice or too late.
    private mutating func settle(_ report: LeaseReport, of message: LeaseMessage, at now: UInt64) {
        guard
            let index = outstanding.firstIndex(where: {
                $0.identifier == report.lease && $0.holder == message.holder && $0.incarnation == message.incarnation
            })
        else {
            tally.staleMessages += 1
            return
        }
        let usedEnd = min(max(report.usedEnd, outstanding[index].first), outstanding[index].end)
        outstanding[index].first = usedEnd
        guard report.isFinal || usedEnd == outstanding[index].end else { return }
        if outstanding[index].isSole { quietUntil = now + timing.flight }
        close(index)
    }

    /// The lease is over and its holder has stopped. Its tail may be granted again if nothing beyond it ever was;
    /// granted after higher numbers are out it could come too late.
    private mutating func close(_ index: Int) {
        let lease = outstanding.remove(at: index)
        if lease.end == next {
            next = lease.first
        } else {
            tally.burntNumbers += lease.end - lease.first
        }
    }

    /// Leases nobody answered for. Their holders may still believe in them, so their numbers are never granted again.
    private mutating func expire(at now: UInt64) {
        guard outstanding.contains(where: { now >= $0.expiresAt }) else { return }
        outstanding.removeAll { lease in
            guard now >= lease.expiresAt else { return false }
            if lease.isSole { quietUntil = now + timing.flight }
            tally.expiredLeases += 1
            tally.burntNumbers += lease.end - lease.first
            return true
        }
    }
}
