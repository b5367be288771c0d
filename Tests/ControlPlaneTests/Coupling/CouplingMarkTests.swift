import Associations
import Testing

@testable import ControlPlane

private typealias Member = CouplingMember

private func sequence(_ spi: UInt32) -> SequenceKey { Member.sequence(spi) }

/// How a mark goes back when a router ends in order, and never otherwise.
@Suite struct CouplingMarkTests {
    let facility = MemoryFacility(clock: { 0 })

    @Test func whatWasNeverGrantedIsGivenBack() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.reserve(300, 1 << 20, ticket: 1) && member.reserve(301, 50, ticket: 2))
        await member.settle()
        func giveBack(_ spi: UInt32, _ mark: UInt64, _ next: UInt64, ticket: UInt64) {
            let isTaken = member.writer.submit(
                .giveBack(sequence(spi), mark: mark, next: next), ticket: ticket, at: 0)
            #expect(isTaken)
        }
        // From another mark than there is, upwards, to nothing, of numbers that nobody has: nothing.
        for (ticket, wrong) in [(300, 50, 40), (301, 50, 50), (301, 50, 60), (301, 50, 0), (302, 5, 1)].enumerated() {
            giveBack(UInt32(wrong.0), UInt64(wrong.1), UInt64(wrong.2), ticket: UInt64(3 + ticket))
        }
        await member.settle()
        giveBack(300, 1 << 20, 700, ticket: 8)
        // A reservation that is under way is not undone.
        #expect(member.reserve(301, 90, ticket: 9) == true)
        giveBack(301, 50, 7, ticket: 10)
        await member.settle()
        #expect(member.taken() == ["owner 1"] + (1...10).map { "done \($0)" })
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.records?.marks == [sequence(300): 700, sequence(301): 90])
    }

    /// The danger of a mark that falls: a try of it that comes late would undo what was reserved behind it.
    @Test func whatIsGivenBackLateIsNot() async throws {
        var old = Member("router1", facility)
        await old.settle()
        #expect(old.reserve(300, 1000, ticket: 1) == true)
        await old.settle()
        let isTaken = old.writer.submit(.giveBack(sequence(300), mark: 1000, next: 10), ticket: 2, at: 0)
        #expect(isTaken)
        let asked = old.writer.next(.main, at: 0)
        let late = try #require(asked)
        // It is on its way still when the process has ended and the next one has begun at 1000.
        var new = Member("router1", facility)
        await new.settle()
        #expect(new.records?.marks == [sequence(300): 1000])
        #expect(new.reserve(300, 2000, ticket: 1) == true)
        await new.settle()
        guard case .outcome(.refused) = await old.answer(late) else {
            Issue.record("it was done")
            return
        }
        var last = Member("router1", facility)
        await last.settle()
        #expect(last.records?.marks == [sequence(300): 2000])
    }

    /// Nor does a reservation that comes late raise what was given back behind it, which would be harmless, nor lower it.
    @Test func aReservationThatComesBehindTheGivingBackDoesNothing() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.reserve(300, 1000, ticket: 1) == true)
        let asked = member.writer.next(.main, at: 0)
        let late = try #require(asked)
        member.writer.answered(.main, .failed(.unreachable("lost")), at: 0)
        member.pass(CouplingWriter.retry.most)
        await member.settle()
        let isTaken = member.writer.submit(.giveBack(sequence(300), mark: 1000, next: 10), ticket: 2, at: 0)
        #expect(isTaken)
        await member.settle()
        guard case .outcome(.refused) = await member.answer(late) else {
            Issue.record("it was done")
            return
        }
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.records?.marks == [sequence(300): 10])
    }
}
