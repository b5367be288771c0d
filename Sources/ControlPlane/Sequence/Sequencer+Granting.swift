extension Sequencer {
    /// Answers waiting requests in the order of their arrival, as far as numbers go.
    mutating func serve(at now: UInt64, into actions: inout [Action]) {
        reserveAhead(at: now, into: &actions)
        guard now >= opensAt else { return }
        isOpen = true
        if let quiet = quietUntil, now >= quiet { quietUntil = nil }
        while let waiting = queue.first {
            // Nobody repeats it: numbers for it would be lost, and its lease half over before it arrives.
            if now >= waiting.arrivedAt + timing.freshness {
                queue.removeFirst()
                tally.abandonedRequests += 1
                continue
            }
            if let refusal = refusal() {
                queue.removeFirst()
                refuse(waiting.request.identifier, of: waiting.message, refusal, into: &actions)
                continue
            }
            guard let lease = lease(for: waiting, at: now, into: &actions) else { return }
            queue.removeFirst()
            grant(lease, to: waiting, into: &actions)
            reserveAhead(at: now, into: &actions)
        }
    }

    private mutating func reserveAhead(at now: UInt64, into actions: inout [Action]) {
        if let mark = reservation.due(next: next, at: now) { actions.append(.reserve(upTo: mark)) }
    }

    /// Why nobody can be given numbers now, when waiting a little would not help.
    private func refusal() -> LeaseRefusal? {
        if next > reservation.lastNumber { return .exhausted }
        if next >= reservation.mark && reservation.hasFailed && reservation.wanted == nil { return .notReserved }
        if outstanding.count >= Limit.leases { return .tooManyLeases }
        return nil
    }

    /// The lease the request gets, nil while it has to wait.
    private mutating func lease(
        for waiting: Waiting, at now: UInt64, into actions: inout [Action]
    ) -> OutstandingLease? {
        let active = activeSenders(besides: waiting, at: now)
        if active == 0 { return soleLease(for: waiting, at: now) }
        revokeSoleLeases(at: now, into: &actions)
        guard quietUntil == nil, next < reservation.mark else { return nil }
        let wanted = min(UInt64(waiting.request.count), max(1, span / UInt64(active + 1)))
        let oldest = outstanding.first?.first ?? next
        let limit = min(oldest + span, reservation.mark)
        // Less than half of what is due would cost a message for a number or two: the rest comes free shortly.
        guard next < limit, limit - next >= (wanted + 1) / 2 else { return nil }
        return newLease(
            for: waiting, count: min(wanted, limit - next), validity: timing.validity, isSole: false, at: now)
    }

    /// Much for the only sender. What it has left of its present lease is part of the new one, so that it never stalls.
    private mutating func soleLease(for waiting: Waiting, at now: UInt64) -> OutstandingLease? {
        if let report = waiting.request.report, !report.isFinal, let last = outstanding.last,
            last.identifier == report.lease, last.isSole, last.end == next,
            last.holder == waiting.message.holder, last.incarnation == waiting.message.incarnation
        {
            outstanding.removeLast()
            next = last.first
        }
        guard next < reservation.mark else { return nil }
        let count = min(Self.soleCount, reservation.mark - next)
        return newLease(for: waiting, count: count, validity: timing.soleValidity, isSole: true, at: now)
    }

    private func newLease(
        for waiting: Waiting, count: UInt64, validity: UInt64, isSole: Bool, at now: UInt64
    ) -> OutstandingLease {
        OutstandingLease(
            identifier: nextIdentifier, holder: waiting.message.holder, incarnation: waiting.message.incarnation,
            first: next, end: next + count, expiresAt: now + validity + timing.grace, isSole: isSole)
    }

    private mutating func grant(_ lease: OutstandingLease, to waiting: Waiting, into actions: inout [Action]) {
        let validity = lease.isSole ? timing.soleValidity : timing.validity
        var message = waiting.message
        message.body = .grant(
            LeaseMessage.Grant(
                request: waiting.request.identifier, lease: lease.identifier, first: lease.first, end: lease.end,
                validityMicroseconds: UInt32(clamping: validity / 1000), askedAt: waiting.request.askedAt,
                isSole: lease.isSole))
        next = lease.end
        nextIdentifier &+= 1
        outstanding.append(lease)
        senders[message.holder]?.grant = message
        tally.grants += 1
        actions.append(.send(message))
    }

    /// How many others send, too: they have asked lately or have numbers out. An earlier process of the same host is
    /// another sender.
    private func activeSenders(besides waiting: Waiting, at now: UInt64) -> Int {
        var count = 0
        for (holder, sender) in senders where holder != waiting.message.holder {
            if now - sender.askedAt < timing.activity { count += 1 }
        }
        guard count == 0 else { return count }
        let strangers = outstanding.contains {
            $0.holder != waiting.message.holder || $0.incarnation != waiting.message.incarnation
        }
        return strangers ? 1 : 0
    }

    /// A second sender has come: whoever was alone gives its lease back. Repeated until it does or the lease runs out.
    private mutating func revokeSoleLeases(at now: UInt64, into actions: inout [Action]) {
        for index in outstanding.indices where outstanding[index].isSole {
            if let again = outstanding[index].revocation, now < again { continue }
            let lease = outstanding[index]
            outstanding[index].revocation = now + timing.revocation
            tally.revocations += 1
            actions.append(
                .send(
                    LeaseMessage(
                        spi: spi, holder: lease.holder, incarnation: lease.incarnation,
                        body: .revoke(lease: lease.identifier))))
        }
    }

    mutating func refuse(
        _ request: UInt64, of message: LeaseMessage, _ reason: LeaseRefusal, into actions: inout [Action]
    ) {
        tally.refusals += 1
        var refusal = message
        refusal.body = .refusal(request: request, reason)
        actions.append(.send(refusal))
    }
}
