import Associations
import ControlPlane
import Testing

private let spi = SPI(rawValue: 0x1000)
private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }

private func message(_ body: LeaseMessage.Body, incarnation: UInt64 = 5) -> LeaseMessage {
    LeaseMessage(spi: spi, holder: HolderID(rawValue: 3), incarnation: incarnation, body: body)
}
private func sends(_ body: LeaseMessage.Body) -> LeaseHolder.Action { .send(message(body)) }

private func asks(
    _ identifier: UInt64, _ count: UInt32, at time: UInt64, done: (UInt64, UInt64)? = nil,
    progress: (UInt64, UInt64)? = nil
) -> LeaseHolder.Action {
    let final = done.map { LeaseReport(lease: $0.0, usedEnd: $0.1, isFinal: true) }
    let report = final ?? progress.map { LeaseReport(lease: $0.0, usedEnd: $0.1, isFinal: false) }
    return sends(.request(.init(identifier: identifier, count: count, askedAt: time, report: report)))
}
private func grant(
    _ request: UInt64, lease: UInt64, _ numbers: Range<UInt64>, askedAt: UInt64, sole: Bool = false,
    incarnation: UInt64 = 5
) -> LeaseMessage {
    message(
        .grant(
            .init(
                request: request, lease: lease, first: numbers.lowerBound, end: numbers.upperBound,
                validityMicroseconds: sole ? 50_000 : 10_000, askedAt: askedAt, isSole: sole)),
        incarnation: incarnation)
}
private func leases(_ identifier: UInt64, _ numbers: Range<UInt64>, until validUntil: UInt64) -> LeaseHolder.Action {
    .publish(
        spi,
        SequenceLease(
            identifier: identifier, first: numbers.lowerBound, end: numbers.upperBound, validUntil: validUntil))
}
private func withdraws(_ identifier: UInt64, at next: UInt64) -> LeaseHolder.Action {
    leases(identifier, next..<next + 1, until: 0)
}
private func makeHolder() -> LeaseHolder { LeaseHolder(spi: spi, holder: HolderID(rawValue: 3), incarnation: 5) }

@Suite struct LeaseHolderTests {
    @Test func asksForWhatWaitsAndReportsWithTheNextQuestion() {
        var holder = makeHolder()
        #expect(holder.poll(queued: 0, next: 0, at: 0) == [])
        #expect(holder.poll(queued: 12, next: 0, at: ms(1)) == [asks(1, 12, at: ms(1))])
        #expect(
            holder.receive(grant(1, lease: 9, 100..<108, askedAt: ms(1)), next: 0, at: ms(2))
                == [leases(9, 100..<108, until: ms(11))])
        #expect(holder.poll(queued: 4, next: 108, at: ms(2)) == [asks(2, 4, at: ms(2), done: (9, 108))])
        #expect(
            holder.receive(grant(2, lease: 10, 116..<120, askedAt: ms(2)), next: 108, at: ms(3))
                == [leases(10, 116..<120, until: ms(12))])
        // Nothing waits any more: the report goes by itself.
        #expect(holder.poll(queued: 0, next: 120, at: ms(3)) == [sends(.release(lease: 10, usedEnd: 120))])
        #expect(holder.poll(queued: 0, next: 120, at: ms(4)) == [])
        #expect(holder.deadline == nil)
    }

    @Test func anUnansweredQuestionIsRepeatedUnderItsOwnIdentifier() {
        var holder = makeHolder()
        #expect(holder.poll(queued: 1, next: 0, at: 0) == [asks(1, 1, at: 0)])
        #expect(holder.deadline == ms(2))
        #expect(holder.poll(queued: 2, next: 0, at: ms(1)) == [])
        #expect(holder.poll(queued: 3, next: 0, at: ms(2)) == [asks(1, 3, at: ms(2))])
        #expect(holder.deadline == ms(6))
        #expect(holder.poll(queued: 3, next: 0, at: ms(6)) == [asks(1, 3, at: ms(6))])
        #expect(holder.deadline == ms(10))
    }

    @Test func theValidityCountsFromTheCopyThatWasAnswered() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        _ = holder.poll(queued: 1, next: 0, at: ms(2))
        #expect(
            holder.receive(grant(1, lease: 9, 1..<2, askedAt: ms(2)), next: 0, at: ms(3))
                == [leases(9, 1..<2, until: ms(12))])
    }

    @Test func aLeaseThatIsOverWhenItComesIsNotUsed() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        #expect(holder.receive(grant(1, lease: 9, 1..<2, askedAt: 0), next: 0, at: ms(10)) == [])
        #expect(holder.poll(queued: 1, next: 0, at: ms(10)) == [asks(2, 1, at: ms(10), done: (9, 0))])
        #expect(holder.tally.lateLeases == 1)
    }

    @Test func aLeaseThatRunsOutIsWithdrawn() {
        var holder = makeHolder()
        _ = holder.poll(queued: 4, next: 0, at: 0)
        _ = holder.receive(grant(1, lease: 9, 1..<5, askedAt: 0), next: 0, at: ms(1))
        #expect(
            holder.poll(queued: 2, next: 3, at: ms(10)) == [withdraws(9, at: 3), asks(2, 2, at: ms(10), done: (9, 3))])
        #expect(holder.tally.expiredLeases == 1)
    }

    @Test func theOnlySenderRenewsAtTheLowWaterMarkAndNeverStops() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        _ = holder.receive(grant(1, lease: 9, 1..<4097, askedAt: 0, sole: true), next: 0, at: ms(1))
        #expect(holder.poll(queued: 0, next: 3072, at: ms(2)) == [])
        #expect(holder.poll(queued: 0, next: 3073, at: ms(2)) == [asks(2, 1, at: ms(2), progress: (9, 3073))])
        // It goes on meanwhile; the new lease begins where it is.
        #expect(
            holder.receive(grant(2, lease: 10, 3073..<7169, askedAt: ms(2), sole: true), next: 3500, at: ms(3))
                == [leases(10, 3500..<7169, until: ms(52))])
    }

    @Test func theOnlySenderRenewsInTimeWhenItSendsAndGivesBackWhenItDoesNot() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        _ = holder.receive(grant(1, lease: 9, 1..<4097, askedAt: 0, sole: true), next: 0, at: ms(1))
        #expect(holder.deadline == ms(25))
        #expect(holder.poll(queued: 0, next: 8, at: ms(25)) == [asks(2, 1, at: ms(25), progress: (9, 8))])
        #expect(
            holder.receive(grant(2, lease: 10, 8..<4104, askedAt: ms(25), sole: true), next: 8, at: ms(26))
                == [leases(10, 8..<4104, until: ms(75))])
        #expect(
            holder.poll(queued: 0, next: 8, at: ms(50)) == [
                withdraws(10, at: 8), sends(.release(lease: 10, usedEnd: 8)),
            ])
    }

    @Test func aRevokedLeaseIsStoppedFirstAndAnsweredEveryTime() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        _ = holder.receive(grant(1, lease: 9, 1..<4097, askedAt: 0, sole: true), next: 0, at: ms(1))
        let answer = sends(.release(lease: 9, usedEnd: 77))
        #expect(holder.receive(message(.revoke(lease: 9)), next: 77, at: ms(2)) == [withdraws(9, at: 77), answer])
        #expect(holder.receive(message(.revoke(lease: 9)), next: 77, at: ms(4)) == [answer])
        #expect(holder.poll(queued: 2, next: 77, at: ms(5)) == [asks(2, 2, at: ms(5), done: (9, 77))])
    }

    /// The grant may still be on its way: to disown it now and to take it then would use numbers twice.
    @Test func theRevocationOfALeaseNotSeenYetIsNotAnswered() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        #expect(holder.receive(message(.revoke(lease: 9)), next: 0, at: ms(1)) == [])
        #expect(
            holder.receive(grant(1, lease: 9, 1..<4097, askedAt: 0, sole: true), next: 0, at: ms(1))
                == [leases(9, 1..<4097, until: ms(50))])
    }

    @Test func aGrantNobodyWaitsForAnyMoreGoesBack() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        _ = holder.poll(queued: 0, next: 0, at: ms(1))
        #expect(
            holder.receive(grant(1, lease: 9, 40..<44, askedAt: 0), next: 0, at: ms(2))
                == [sends(.release(lease: 9, usedEnd: 0))])
    }

    @Test func whatIsForAnotherProcessOrComesTwiceIsDropped() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        #expect(holder.receive(grant(1, lease: 9, 1..<2, askedAt: 0, incarnation: 6), next: 0, at: ms(1)) == [])
        #expect(holder.receive(grant(2, lease: 9, 1..<2, askedAt: 0), next: 0, at: ms(1)) == [])
        let granted = grant(1, lease: 9, 1..<2, askedAt: 0)
        #expect(holder.receive(granted, next: 0, at: ms(1)) == [leases(9, 1..<2, until: ms(10))])
        #expect(holder.receive(granted, next: 1, at: ms(1)) == [])
        #expect(holder.poll(queued: 0, next: 2, at: ms(2)) == [sends(.release(lease: 9, usedEnd: 2))])
        #expect(holder.receive(granted, next: 2, at: ms(3)) == [])
        #expect(holder.tally.staleMessages == 4)
    }

    @Test func aRefusalIsRememberedAndAskedAgainLater() {
        var holder = makeHolder()
        _ = holder.poll(queued: 1, next: 0, at: 0)
        #expect(holder.receive(message(.refusal(request: 1, .exhausted)), next: 0, at: ms(1)) == [])
        #expect(holder.refusal == .exhausted)
        #expect(holder.poll(queued: 1, next: 0, at: ms(20)) == [])
        #expect(holder.poll(queued: 1, next: 0, at: ms(21)) == [asks(1, 1, at: ms(21))])
    }
}

@Suite struct LocalSequenceTests {
    @Test func leasesWhatIsReservedAndReservesAhead() {
        var sequence = LocalSequence(spi: spi, reservation: Reservation(mark: 1))
        #expect(sequence.poll(next: 0, at: 0) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequence.poll(next: 0, at: 0) == [])
        let first = SequenceLease(identifier: 1, first: 1, end: 1 + 1 << 20, validUntil: .max)
        #expect(sequence.reserved(upTo: 1 + 1 << 20, next: 0) == [.publish(spi, first)])
        #expect(sequence.poll(next: 1 + 1 << 19, at: 0) == [])
        #expect(sequence.poll(next: 2 + 1 << 19, at: 0) == [.reserve(upTo: 1 + 2 << 20)])
        let second = SequenceLease(identifier: 2, first: 700_000, end: 1 + 2 << 20, validUntil: .max)
        #expect(sequence.reserved(upTo: 1 + 2 << 20, next: 700_000) == [.publish(spi, second)])
    }

    @Test func aSuccessorStartsAtTheMark() {
        var sequence = LocalSequence(spi: spi, reservation: Reservation(mark: 1_048_577))
        #expect(sequence.poll(next: 0, at: 0) == [.reserve(upTo: 2_097_153)])
        let lease = SequenceLease(identifier: 1, first: 1_048_577, end: 2_097_153, validUntil: .max)
        #expect(sequence.reserved(upTo: 2_097_153, next: 0) == [.publish(spi, lease)])
    }

    @Test func aFailedReservationIsTriedAgainAndTheLastNumberIsTheLast() {
        var sequence = LocalSequence(spi: spi, reservation: Reservation(mark: 4_000_000_000))
        #expect(sequence.poll(next: 0, at: 0) == [.reserve(upTo: 4_001_048_576)])
        sequence.failed(at: ms(1))
        #expect(sequence.poll(next: 0, at: ms(100)) == [])
        #expect(sequence.poll(next: 0, at: ms(101)) == [.reserve(upTo: 4_001_048_576)])
        var end = LocalSequence(spi: spi, reservation: Reservation(mark: 1 << 32))
        #expect(end.poll(next: 0, at: 0) == [])
        #expect(end.isExhausted)
    }
}
