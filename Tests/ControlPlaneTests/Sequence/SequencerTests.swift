import Associations
import ControlPlane
import Testing

/// What the steps below are written in: times in milliseconds, holders a and b, windows of 32 (a span of 16).
private let spi = SPI(rawValue: 0x1000)
private let a: UInt16 = 0
private let b: UInt16 = 1
private let c: UInt16 = 2
private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }

private func message(_ holder: UInt16, _ body: LeaseMessage.Body, incarnation: UInt64 = 5) -> LeaseMessage {
    LeaseMessage(spi: spi, holder: HolderID(rawValue: holder), incarnation: incarnation, body: body)
}

private func request(
    _ holder: UInt16, _ identifier: UInt64, _ count: UInt32, askedAt: UInt64 = 0, done: (UInt64, UInt64)? = nil,
    progress: (UInt64, UInt64)? = nil, incarnation: UInt64 = 5
) -> LeaseMessage {
    let final = done.map { LeaseReport(lease: $0.0, usedEnd: $0.1, isFinal: true) }
    let report = final ?? progress.map { LeaseReport(lease: $0.0, usedEnd: $0.1, isFinal: false) }
    return message(
        holder, .request(.init(identifier: identifier, count: count, askedAt: askedAt, report: report)),
        incarnation: incarnation)
}

private func release(_ holder: UInt16, _ lease: UInt64, _ usedEnd: UInt64) -> LeaseMessage {
    message(holder, .release(lease: lease, usedEnd: usedEnd))
}

private func grant(
    _ holder: UInt16, _ request: UInt64, lease: UInt64, _ numbers: Range<UInt64>, askedAt: UInt64 = 0,
    sole: Bool = false, incarnation: UInt64 = 5
) -> Sequencer.Action {
    .send(
        message(
            holder,
            .grant(
                .init(
                    request: request, lease: lease, first: numbers.lowerBound, end: numbers.upperBound,
                    validityMicroseconds: sole ? 50_000 : 10_000, askedAt: askedAt, isSole: sole)),
            incarnation: incarnation))
}

private func revoke(_ holder: UInt16, _ lease: UInt64) -> Sequencer.Action {
    .send(message(holder, .revoke(lease: lease)))
}
private func refusal(_ holder: UInt16, _ request: UInt64, _ reason: LeaseRefusal) -> Sequencer.Action {
    .send(message(holder, .refusal(request: request, reason)))
}

/// Started, its first step of numbers reserved; lease identifiers count from 100.
/// Without grace unless a test is about it, so that the times in it are few.
private func startedSequencer(
    mark: UInt64 = 1, window: Int = 32, last: UInt64 = Reservation.lastWithoutESN, grace: UInt64 = 0
) -> Sequencer {
    var sequencer = Sequencer(
        spi: spi, replayWindow: window, reservation: Reservation(mark: mark, lastNumber: last), identifierSeed: 100,
        timing: Sequencer.Timing(grace: grace), at: 0)
    for case .reserve(let mark) in sequencer.start(at: 0) { _ = sequencer.reserved(upTo: mark, at: 0) }
    return sequencer
}

/// Two active senders, nothing outstanding, number 1 next, leases counting from 101.
private func sharedSequencer(window: Int = 32) -> Sequencer {
    var sequencer = startedSequencer(window: window)
    _ = sequencer.receive(request(a, 1, 1), at: 0)
    _ = sequencer.receive(request(b, 1, 1), at: 0)
    _ = sequencer.receive(release(a, 100, 1), at: 0)
    _ = sequencer.tick(at: ms(1))
    _ = sequencer.receive(release(b, 101, 1), at: ms(1))
    return sequencer
}

@Suite struct SequencerTests {
    @Test func nothingIsGrantedThatIsNotReserved() {
        var sequencer = Sequencer(
            spi: spi, replayWindow: 32, reservation: Reservation(mark: 1), identifierSeed: 100, at: 0)
        #expect(sequencer.start(at: 0) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequencer.receive(request(a, 1, 3), at: 0) == [])
        #expect(sequencer.reserved(upTo: 1 + 1 << 20, at: ms(1)) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
    }

    @Test func aFullDiskIsARefusalByName() {
        var sequencer = Sequencer(
            spi: spi, replayWindow: 32, reservation: Reservation(mark: 1), identifierSeed: 100, at: 0)
        #expect(sequencer.start(at: 0) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequencer.reservationFailed(at: 0) == [])
        #expect(sequencer.receive(request(a, 1, 3), at: ms(1)) == [refusal(a, 1, .notReserved)])
        // Tried again after a while; the same request is answered once it has worked.
        #expect(sequencer.receive(request(a, 1, 3), at: ms(101)) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequencer.reserved(upTo: 1 + 1 << 20, at: ms(102)) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
    }

    @Test func numbersThatCameReservedAreGrantedAtOnce() {
        var sequencer = Sequencer(
            spi: spi, replayWindow: 32, reservation: Reservation(first: 1, mark: 1 + 1 << 20), identifierSeed: 100,
            at: 0)
        #expect(sequencer.start(at: 0) == [])
        #expect(sequencer.receive(request(a, 1, 3), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
    }

    @Test func aReservationThatNobodyAnswersIsAskedForAgain() {
        var sequencer = Sequencer(
            spi: spi, replayWindow: 32, reservation: Reservation(mark: 1), identifierSeed: 100, at: 0)
        #expect(sequencer.start(at: 0) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequencer.tick(at: ms(4999)) == [])
        #expect(sequencer.tick(at: ms(5000)) == [.reserve(upTo: 1 + 1 << 20)])
        #expect(sequencer.neverGranted == nil)
        // Both answers come.
        #expect(sequencer.reserved(upTo: 1 + 1 << 20, at: ms(5001)) == [])
        #expect(sequencer.reserved(upTo: 1 + 1 << 20, at: ms(5002)) == [])
        #expect(sequencer.neverGranted == 1)
    }

    /// What a successor may begin at: behind all that anybody may have used.
    @Test func whatWasNeverGranted() {
        var sequencer = startedSequencer()
        #expect(sequencer.neverGranted == 1)
        _ = sequencer.receive(request(a, 1, 1), at: 0)
        #expect(sequencer.neverGranted == 4097)
        _ = sequencer.receive(release(a, 100, 11), at: ms(1))
        #expect(sequencer.neverGranted == 11)
    }

    @Test func halfAStepAheadTheNextIsReserved() {
        var sequencer = startedSequencer()
        var (identifier, lease, next) = (UInt64(1), UInt64(99), UInt64(1))
        while next < 1 << 19 {
            let ahead = next + 4096 > 1 + 1 << 19
            let progress = identifier == 1 ? nil : (lease, next)
            let granted = grant(a, identifier, lease: lease + 1, next..<next + 4096, sole: true)
            #expect(
                sequencer.receive(request(a, identifier, 1, progress: progress), at: 0)
                    == (ahead ? [granted, .reserve(upTo: 1 + 2 << 20)] : [granted]))
            (identifier, lease, next) = (identifier + 1, lease + 1, next + 4096)
        }
    }

    @Test func aSuccessorStartsAtTheMarkAndOnlyWhenOldLeasesAreOver() {
        var sequencer = startedSequencer(mark: 1_048_577)
        #expect(sequencer.receive(request(a, 1, 1), at: ms(45)) == [])
        #expect(sequencer.deadline == ms(50))
        #expect(sequencer.tick(at: ms(50)) == [grant(a, 1, lease: 100, 1_048_577..<1_052_673, sole: true)])
    }

    @Test func theLastNumberIsTheLast() {
        var sequencer = startedSequencer(last: 5000)
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(
            sequencer.receive(request(a, 2, 1, done: (100, 4097)), at: 0)
                == [grant(a, 2, lease: 101, 4097..<5001, sole: true)])
        #expect(sequencer.receive(request(a, 3, 1, done: (101, 5001)), at: 0) == [refusal(a, 3, .exhausted)])
    }

    @Test func theLeaseOfTheOnlySenderIsRenewedWithWhatItHasLeft() {
        var sequencer = startedSequencer()
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(
            sequencer.receive(request(a, 2, 1, progress: (100, 3000)), at: ms(5))
                == [grant(a, 2, lease: 101, 3000..<7096, sole: true)])
        // The release of what was renewed is out of date.
        #expect(sequencer.receive(release(a, 100, 3100), at: ms(6)) == [])
        #expect(sequencer.tally.staleMessages == 1)
    }

    @Test func aSecondSenderMakesTheFirstGiveBackItsLease() {
        var sequencer = startedSequencer()
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(sequencer.receive(request(b, 1, 20), at: ms(1)) == [revoke(a, 100)])
        // A lost revocation is repeated.
        #expect(sequencer.deadline == ms(3))
        #expect(sequencer.tick(at: ms(3)) == [revoke(a, 100)])
        // The first got to 11; its last packets get a millisecond to arrive, then the second goes on from there.
        #expect(sequencer.receive(release(a, 100, 11), at: ms(4)) == [])
        #expect(sequencer.tick(at: ms(5)) == [grant(b, 1, lease: 101, 11..<19)])
        #expect(sequencer.receive(request(a, 2, 9), at: ms(5)) == [grant(a, 2, lease: 102, 19..<27)])
    }

    @Test func aSenderThatDoesNotAnswerLosesItsNumbers() {
        var sequencer = startedSequencer()
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(sequencer.receive(request(b, 1, 4, askedAt: 1), at: ms(46)) == [revoke(a, 100)])
        #expect(sequencer.receive(request(b, 1, 4, askedAt: 2), at: ms(50)) == [])
        #expect(sequencer.tick(at: ms(51)) == [grant(b, 1, lease: 101, 4097..<4101, askedAt: 2)])
        #expect(sequencer.tally.expiredLeases == 1)
        #expect(sequencer.tally.burntNumbers == 4096)
        // Too late: nothing comes back.
        #expect(sequencer.receive(release(a, 100, 11), at: ms(52)) == [])
        #expect(sequencer.receive(request(a, 2, 1), at: ms(52)) == [grant(a, 2, lease: 102, 4101..<4102)])
    }

    /// A holder that looked at its clock in time and was held up before it sent is not overtaken yet.
    @Test func aLeaseIsHeldForTheGraceBeyondItsValidity() {
        var sequencer = startedSequencer(grace: ms(90))
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(sequencer.receive(request(b, 1, 4, askedAt: 1), at: ms(135)) == [revoke(a, 100)])
        #expect(!sequencer.tick(at: ms(139)).contains(grant(b, 1, lease: 101, 4097..<4101, askedAt: 1)))
        #expect(sequencer.tally.expiredLeases == 0)
        // Who has not asked for so long is no sender any more: the other is alone.
        #expect(
            sequencer.receive(request(b, 1, 4, askedAt: 2), at: ms(140))
                == [grant(b, 1, lease: 101, 4097..<8193, askedAt: 2, sole: true)])
        #expect(sequencer.tally.expiredLeases == 1)
    }

    /// The reason why it is the span that is bounded: a holds number 1 while b uses up and returns lease after lease.
    @Test func nobodyGetsAheadOfTheOldestNumberByMoreThanHalfTheWindow() {
        var sequencer = sharedSequencer()
        #expect(sequencer.receive(request(a, 2, 1), at: ms(1)) == [grant(a, 2, lease: 102, 1..<2)])
        #expect(sequencer.receive(request(b, 2, 99), at: ms(1)) == [grant(b, 2, lease: 103, 2..<10)])
        #expect(sequencer.receive(request(b, 3, 99, done: (103, 10)), at: ms(2)) == [grant(b, 3, lease: 104, 10..<17)])
        // 17 is 1 + 16: one number only is out, and yet b waits.
        #expect(sequencer.receive(request(b, 4, 99, done: (104, 17)), at: ms(3)) == [])
        #expect(sequencer.receive(release(a, 102, 2), at: ms(4)) == [grant(b, 4, lease: 105, 17..<25)])
    }

    @Test func waitingSendersAreServedInTheirOrderAndEachGetsAShare() {
        var sequencer = sharedSequencer()
        #expect(sequencer.receive(request(c, 1, 99), at: ms(1)) == [grant(c, 1, lease: 102, 1..<6)])
        #expect(sequencer.receive(request(a, 2, 99), at: ms(1)) == [grant(a, 2, lease: 103, 6..<11)])
        #expect(sequencer.receive(request(b, 2, 99), at: ms(1)) == [grant(b, 2, lease: 104, 11..<16)])
        #expect(sequencer.receive(request(b, 3, 99, done: (104, 16)), at: ms(2)) == [])
        #expect(sequencer.receive(request(a, 3, 99, done: (103, 11)), at: ms(2)) == [])
        #expect(
            sequencer.receive(request(c, 2, 99, done: (102, 6)), at: ms(3)) == [
                grant(b, 3, lease: 105, 16..<21), grant(a, 3, lease: 106, 21..<26), grant(c, 2, lease: 107, 26..<31),
            ])
    }

    @Test func anUnusedTailIsGrantedAgainOnlyIfNothingBeyondItWas() {
        var sequencer = sharedSequencer()
        #expect(sequencer.receive(request(a, 2, 4), at: ms(1)) == [grant(a, 2, lease: 102, 1..<5)])
        #expect(sequencer.receive(request(b, 2, 4), at: ms(1)) == [grant(b, 2, lease: 103, 5..<9)])
        #expect(sequencer.receive(release(a, 102, 2), at: ms(2)) == [])
        #expect(sequencer.tally.burntNumbers == 3)
        #expect(sequencer.receive(release(b, 103, 6), at: ms(2)) == [])
        #expect(sequencer.receive(request(a, 3, 4), at: ms(2)) == [grant(a, 3, lease: 104, 6..<10)])
    }

    @Test func aRepeatedRequestGetsTheSameGrantWhileItLives() {
        var sequencer = sharedSequencer()
        let granted = [grant(a, 2, lease: 102, 1..<5, askedAt: 7)]
        #expect(sequencer.receive(request(a, 2, 4, askedAt: 7), at: ms(1)) == granted)
        // Its validity, too, stays that of the copy that was answered.
        #expect(sequencer.receive(request(a, 2, 4, askedAt: 9), at: ms(2)) == granted)
        #expect(sequencer.receive(release(a, 102, 5), at: ms(3)) == [])
        #expect(sequencer.receive(request(a, 2, 4, askedAt: 9), at: ms(4)) == [])
        #expect(sequencer.receive(request(a, 1, 4), at: ms(4)) == [])
    }

    @Test func reportsOfOthersAndOfOtherProcessesChangeNothing() {
        var sequencer = sharedSequencer()
        #expect(sequencer.receive(request(a, 2, 4), at: ms(1)) == [grant(a, 2, lease: 102, 1..<5)])
        #expect(sequencer.receive(release(b, 102, 1), at: ms(1)) == [])
        #expect(sequencer.receive(message(a, .release(lease: 102, usedEnd: 1), incarnation: 6), at: ms(1)) == [])
        #expect(sequencer.receive(release(a, 99, 1), at: ms(1)) == [])
        #expect(sequencer.receive(request(b, 2, 4), at: ms(1)) == [grant(b, 2, lease: 103, 5..<9)])
    }

    @Test func aRestartedSenderIsAnotherSenderUntilItsOldLeaseIsOver() {
        var sequencer = startedSequencer()
        #expect(sequencer.receive(request(a, 1, 1), at: 0) == [grant(a, 1, lease: 100, 1..<4097, sole: true)])
        #expect(sequencer.receive(request(a, 1, 1, incarnation: 6), at: ms(45)) == [revoke(a, 100)])
        #expect(
            sequencer.tick(at: ms(50)) == [grant(a, 1, lease: 101, 4097..<8193, sole: true, incarnation: 6)])
    }

    @Test func aWaitingRequestThatNobodyRepeatsIsGivenUp() {
        var sequencer = sharedSequencer()
        #expect(sequencer.receive(request(a, 2, 8), at: ms(1)) == [grant(a, 2, lease: 102, 1..<9)])
        #expect(sequencer.receive(request(b, 2, 8), at: ms(1)) == [grant(b, 2, lease: 103, 9..<17)])
        #expect(sequencer.receive(request(b, 3, 8, done: (103, 17)), at: ms(2)) == [])
        #expect(sequencer.tick(at: ms(10)) == [])
        #expect(sequencer.tally.abandonedRequests == 1)
        #expect(sequencer.deadline == nil)
    }

    @Test func thereIsRoomForSoManySendersAndNoMore() {
        var sequencer = startedSequencer(window: 4096)
        for holder in 0..<UInt16(Sequencer.Limit.holders) { _ = sequencer.receive(request(holder, 1, 1), at: 0) }
        #expect(sequencer.receive(request(64, 1, 1), at: ms(1)) == [refusal(64, 1, .tooManyHolders)])
        // The one silent for longest makes room.
        #expect(
            sequencer.receive(request(64, 1, 1), at: ms(1001)) == [grant(64, 1, lease: 101, 4097..<8193, sole: true)])
    }
}
