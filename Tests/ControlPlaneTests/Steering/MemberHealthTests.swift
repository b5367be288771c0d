import Associations
import ControlPlane
import Testing

private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }
private func epoch(_ number: UInt32) -> Epoch { Epoch(rawValue: number) }

@Suite struct MemberHealthTests {
    /// Looks every half second, as it should, with what `counter` gives.
    private func look(
        _ health: inout MemberHealth, _ times: ClosedRange<UInt64>, _ counter: (UInt64) -> UInt64
    ) -> [MemberHealth.Action] {
        times.flatMap { health.tick(counter($0), at: ms($0 * 500)) }
    }

    @Test func aPacketLoopThatStandsStillEndsTheProcess() {
        var health = MemberHealth(at: 0)
        #expect(look(&health, 1...10) { $0 } == [])
        #expect(look(&health, 11...13) { _ in 10 } == [])
        #expect(look(&health, 14...14) { _ in 10 } == [.withdraw(.stalledLoop(milliseconds: 2000))])
        // Once, and for good.
        #expect(look(&health, 15...30) { _ in 10 } == [])
        #expect(look(&health, 31...40) { $0 } == [])
        #expect(health.withdrawal?.description == "its packet loop has not moved for 2000 ms")
    }

    @Test func aLoopThatMovesNowAndThenIsWell() {
        var health = MemberHealth(at: 0)
        #expect(look(&health, 1...100) { $0 / 3 } == [])
        #expect(health.withdrawal == nil)
    }

    /// The whole machine stood still, or this thread alone did: what it sees then says nothing.
    @Test func whoLooksLateDoesNotBlameTheLoop() {
        var health = MemberHealth(at: 0)
        #expect(look(&health, 1...4) { $0 } == [])
        #expect(health.tick(4, at: ms(60_000)) == [])
        #expect(health.tick(4, at: ms(60_500)) == [])
        #expect(health.tick(5, at: ms(61_000)) == [])
        #expect(health.tick(5, at: ms(61_500)) == [])
        #expect(health.tick(5, at: ms(62_000)) == [])
        #expect(health.tick(5, at: ms(62_500)) == [])
        #expect(health.tick(5, at: ms(63_000)) == [.withdraw(.stalledLoop(milliseconds: 2000))])
    }

    @Test func aRouterWithoutItsCoordinatorGoesOnWithWhatItHas() {
        var health = MemberHealth(epoch: epoch(3), at: 0)
        #expect(health.renewed(until: ms(5000), at: ms(100)) == [])
        #expect(look(&health, 1...9) { $0 } == [])
        #expect(look(&health, 10...10) { $0 } == [.restrict(.leaseLost)])
        #expect(look(&health, 11...40) { $0 } == [])
        // An answer that was on its way for too long renews nothing.
        #expect(health.renewed(until: ms(19_000), at: ms(20_000)) == [])
        #expect(health.renewed(until: ms(25_000), at: ms(20_100)) == [.recover])
        #expect(look(&health, 41...49) { $0 } == [])
        #expect(look(&health, 50...50) { $0 } == [.restrict(.leaseLost)])
        #expect(health.withdrawal == nil)
    }

    @Test func aNewerEpochIsTheEndOfAnOwnerAndNewsToNobodyElse() {
        var health = MemberHealth(epoch: epoch(3), at: 0)
        #expect(health.saw(epoch(2)) == [])
        #expect(health.saw(epoch(3)) == [])
        health.owns(epoch(5))
        #expect(health.saw(epoch(5)) == [])
        #expect(health.saw(epoch(6)) == [.withdraw(.fenced(by: epoch(6)))])
        #expect(health.saw(epoch(7)) == [])
        #expect(health.renewed(until: ms(5000), at: ms(100)) == [])

        var target = MemberHealth(at: 0)
        #expect(target.saw(epoch(9)) == [])
        #expect(target.withdrawal == nil)
    }
}
