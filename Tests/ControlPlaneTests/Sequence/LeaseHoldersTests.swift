import Associations
import Testing

@testable import ControlPlane

private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }
private let me = HolderID(rawValue: 0)

private func makeHolder(_ spi: SPI) -> LeaseHolder { LeaseHolder(spi: spi, holder: me, incarnation: 5) }

private func grant(_ request: UInt64, _ spi: SPI, _ numbers: Range<UInt64>, askedAt: UInt64, sole: Bool) -> LeaseMessage
{
    LeaseMessage(
        spi: spi, holder: me, incarnation: 5,
        body: .grant(
            .init(
                request: request, lease: 9, first: numbers.lowerBound, end: numbers.upperBound,
                validityMicroseconds: sole ? 50_000 : 10_000, askedAt: askedAt, isSole: sole)))
}

@Suite struct LeaseHoldersTests {
    private let spis = (0..<1000).map { SPI(rawValue: 0x1000 + $0) }

    @Test func aRoundIsAboutTheSAsThatHaveSomethingToDo() {
        var holders = LeaseHolders(spis.map(makeHolder))
        #expect(holders.takeDue(at: 0) == [])
        #expect(holders.deadline == nil)
        // One of a thousand has packets.
        holders.note(spis[7], waiting: 1)
        holders.note(spis[7], waiting: 1)
        holders.note(SPI(rawValue: 1), waiting: 1)
        #expect(holders.takeDue(at: ms(1)) == [spis[7]])
        let asked = holders.poll(spis[7], next: 0, at: ms(1))
        #expect(asked.count == 1)
        guard case .send(let message) = asked.first, case .request(let request) = message.body else {
            Issue.record("no request: \(asked)")
            return
        }
        #expect(request.count == 2)
        #expect(holders.deadline == ms(3))
        // Its packets still wait: a round that does not say so takes them for gone.
        holders.note(spis[7], waiting: 2)
        #expect(holders.takeDue(at: ms(2)) == [spis[7]])
        #expect(holders.poll(spis[7], next: 0, at: ms(2)) == [])
        #expect(
            holders.receive(grant(1, spis[7], 100..<102, askedAt: ms(1), sole: false), next: 0, at: ms(2)).count == 1)
        // Sent: it reports though nothing waits any more.
        holders.note(spis[7], waiting: 0)
        #expect(holders.takeDue(at: ms(3)) == [spis[7]])
        #expect(
            holders.poll(spis[7], next: 102, at: ms(3)) == [
                .send(
                    LeaseMessage(
                        spi: spis[7], holder: me, incarnation: 5, body: .release(lease: 9, usedEnd: 102)))
            ])
        #expect(holders.takeDue(at: ms(4)) == [])
    }

    @Test func whoNoLongerWaitsIsAskedAfterOnce() {
        var holders = LeaseHolders([makeHolder(spis[0])])
        holders.note(spis[0], waiting: 1)
        _ = holders.takeDue(at: 0)
        _ = holders.poll(spis[0], next: 0, at: 0)
        // The packet was given up: nothing is asked for any more.
        #expect(holders.takeDue(at: 1) == [spis[0]])
        #expect(holders.poll(spis[0], next: 0, at: 1) == [])
        #expect(holders.takeDue(at: 2) == [])
        // The dead deadline of the request comes to nothing.
        #expect(holders.takeDue(at: ms(2)) == [])
    }

    @Test func deadlinesComeThoughNothingIsSent() {
        var holders = LeaseHolders(spis.map(makeHolder))
        for spi in spis[..<3] { holders.note(spi, waiting: 1) }
        for spi in holders.takeDue(at: 0) { _ = holders.poll(spi, next: 0, at: 0) }
        for spi in spis[..<3] {
            _ = holders.receive(grant(1, spi, 1..<4097, askedAt: 0, sole: true), next: 0, at: 1)
        }
        for spi in spis[..<3] { holders.note(spi, waiting: 0) }
        for spi in holders.takeDue(at: 2) { #expect(holders.poll(spi, next: 2, at: 2) == []) }
        // They were used: at half time each asks for more.
        #expect(Set(holders.takeDue(at: ms(25))) == Set(spis[..<3]))
    }

    @Test func whatIsGoneStaysCounted() {
        var holders = LeaseHolders([makeHolder(spis[0])])
        holders.note(spis[0], waiting: 1)
        _ = holders.takeDue(at: 0)
        _ = holders.poll(spis[0], next: 0, at: 0)
        _ = holders.receive(grant(1, spis[0], 1..<2, askedAt: 0, sole: false), next: 0, at: 1)
        holders.remove(spis[0])
        #expect(holders.tally.leases == 1 && holders.count == 0)
        #expect(holders.takeDue(at: ms(100)) == [])
        #expect(holders.receive(grant(1, spis[0], 1..<2, askedAt: 0, sole: false), next: 0, at: 1) == [])
        #expect(holders.unknownAssociation == 1)
    }

    /// Beside a loop that polls every holder in every round: the same messages.
    @Test(arguments: 0..<8 as Range<UInt64>) func noRoundIsMissed(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let mine = Array(spis[..<12])
        var one = LeaseHolders(mine.map(makeHolder))
        var all = Dictionary(uniqueKeysWithValues: mine.map { ($0, makeHolder($0)) })
        var path: [SPI: (next: UInt64, end: UInt64, until: UInt64, waiting: Int)] = [:]
        for spi in mine { path[spi] = (0, 0, 0, 0) }
        var open: [LeaseMessage] = []
        var free: [SPI: UInt64] = [:]
        for step in 1...3000 as ClosedRange<UInt64> {
            let now = step * 200_000
            var touched: Set<SPI> = []
            for spi in mine {
                if random.chance(spi.rawValue % 2 == 0 ? 30 : 400) { path[spi]!.waiting += 1 + random.below(3) }
                if path[spi]!.waiting > 0 { touched.insert(spi) }
                while path[spi]!.waiting > 0, path[spi]!.next < path[spi]!.end, now < path[spi]!.until {
                    path[spi]!.next += 1
                    path[spi]!.waiting -= 1
                }
            }
            for spi in touched { one.note(spi, waiting: path[spi]!.waiting) }
            let due = Set(one.takeDue(at: now))
            for spi in mine {
                let (next, waiting) = (path[spi]!.next, path[spi]!.waiting)
                let expected = all[spi]!.poll(queued: waiting, next: next, at: now)
                let actions = due.contains(spi) ? one.poll(spi, next: next, at: now) : []
                #expect(actions == expected, "\(spi) at step \(step)")
                for action in actions {
                    switch action {
                    case .send(let message): if random.chance(900) { open.append(message) }
                    case .publish(_, let lease): path[spi] = (lease.first, lease.end, lease.validUntil, waiting)
                    }
                }
            }
            let asked = open
            open = []
            for message in asked {
                guard case .request(let request) = message.body, random.chance(900) else { continue }
                let first = free[message.spi, default: 1]
                let count: UInt64 = message.spi.rawValue % 3 == 0 ? 4096 : UInt64(request.count)
                free[message.spi] = first + count
                let answer = grant(
                    request.identifier, message.spi, first..<first + count, askedAt: request.askedAt,
                    sole: count == 4096)
                let next = path[message.spi]!.next
                let actions = one.receive(answer, next: next, at: now)
                #expect(actions == all[message.spi]!.receive(answer, next: next, at: now))
                for case .publish(let spi, let lease) in actions {
                    path[spi] = (lease.first, lease.end, lease.validUntil, path[spi]!.waiting)
                }
            }
        }
        #expect(one.tally.leases > 100)
    }
}
