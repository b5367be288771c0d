import Associations
import Testing

@testable import ControlPlane

private func key(_ spi: UInt32) -> ShadowEntry.Key { ShadowEntry.Key(spi: SPI(rawValue: spi), direction: .inbound) }
private func used(_ spi: UInt32, _ bytes: UInt64, _ packets: UInt64 = 1) -> AssociationUsage {
    AssociationUsage(spi: SPI(rawValue: spi), direction: .inbound, packets: packets, bytes: bytes)
}
private func grant(_ spi: UInt32, _ bytes: UInt64) -> LifecountGrant {
    LifecountGrant(spi: SPI(rawValue: spi), direction: .inbound, bytes: bytes)
}
private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }

@Suite struct LifecountReporterTests {
    @Test func anSAIsReportedAtFirstUseAndThenWhenHalfOfItsGrantIsUsed() {
        var reporter = LifecountReporter()
        reporter.installed(key(300))
        reporter.allowed(grant(300, 100_000))
        reporter.note([used(300, 0, 0)], at: ms(1))
        #expect(reporter.take(upTo: 8, at: ms(1)) == [])
        reporter.note([used(300, 1000)], at: ms(2))
        #expect(!reporter.isAsking)
        #expect(reporter.take(upTo: 8, at: ms(2)) == [used(300, 1000)])
        reporter.note([used(300, 49_999)], at: ms(10))
        #expect(reporter.take(upTo: 8, at: ms(10)) == [])
        reporter.note([used(300, 50_000)], at: ms(11))
        #expect(reporter.isAsking)
        #expect(reporter.take(upTo: 8, at: ms(11)) == [used(300, 50_000)])
        // The answer is on its way.
        reporter.note([used(300, 60_000)], at: ms(12))
        #expect(!reporter.isAsking)
        reporter.allowed(grant(300, 150_000))
        reporter.note([used(300, 104_999)], at: ms(13))
        #expect(!reporter.isAsking)
        reporter.note([used(300, 105_000)], at: ms(14))
        #expect(reporter.isAsking)
    }

    @Test func whoGetsNoAnswerAsksAgainThoughNothingMoves() {
        var reporter = LifecountReporter()
        reporter.installed(key(300))
        reporter.allowed(grant(300, 1000))
        // Less than a packet to begin with.
        reporter.note([used(300, 0, 0)], at: ms(1))
        #expect(reporter.take(upTo: 8, at: ms(1)) == [used(300, 0, 0)])
        reporter.note([used(300, 0, 0)], at: ms(200))
        #expect(!reporter.isAsking)
        reporter.note([used(300, 0, 0)], at: ms(201))
        #expect(reporter.take(upTo: 8, at: ms(201)) == [used(300, 0, 0)])
    }

    @Test func whatIsInUseIsReportedEveryFewSecondsAndWhatIsIdleNever() {
        var reporter = LifecountReporter()
        reporter.installed(key(300))
        var reports = 0
        for second in 0..<40 as Range<UInt64> {
            reporter.note([used(300, min(second, 20) * 10)], at: ms(second * 1000))
            reports += reporter.take(upTo: 8, at: ms(second * 1000)).count
        }
        #expect(reports == 11)
    }

    @Test func aNewConnectionHearsEverythingAgain() {
        var reporter = LifecountReporter()
        for spi in 300..<303 as Range<UInt32> { reporter.installed(key(spi)) }
        reporter.note([used(300, 10), used(301, 20), used(302, 0, 0)], at: ms(1))
        #expect(reporter.take(upTo: 8, at: ms(1)).count == 2)
        reporter.began()
        reporter.note([used(300, 10), used(301, 20), used(302, 0, 0)], at: ms(2))
        #expect(reporter.take(upTo: 8, at: ms(2)) == [used(300, 10), used(301, 20)])
    }

    @Test func everybodyHasATurnHoweverManyAsk() {
        var reporter = LifecountReporter()
        for spi in 1000..<1200 as Range<UInt32> { reporter.installed(key(spi)) }
        // The first fifty always lack room; the others are just in use.
        for spi in 1000..<1050 as Range<UInt32> { reporter.allowed(grant(spi, 1000)) }
        var seen: [UInt32: Int] = [:]
        for round in 1...60 as ClosedRange<UInt64> {
            reporter.note((1000..<1200).map { used(UInt32($0), round * 10, round) }, at: ms(round * 500))
            let taken = reporter.take(upTo: 16, at: ms(round * 500))
            #expect(taken.count <= 16)
            for part in taken { seen[part.spi.rawValue, default: 0] += 1 }
        }
        #expect(seen.count == 200)
        let others = (1050..<1200).map { seen[UInt32($0)]! }
        #expect(others.max()! - others.min()! <= 1)
    }

    @Test func whatIsRemovedIsNotReportedAndAReplacementBeginsAnew() {
        var reporter = LifecountReporter()
        reporter.installed(key(300))
        reporter.note([used(300, 500)], at: ms(1))
        reporter.removed(key(300))
        #expect(reporter.take(upTo: 8, at: ms(1)) == [])
        reporter.note([used(300, 500)], at: ms(2))
        #expect(reporter.take(upTo: 8, at: ms(2)) == [])
        reporter.installed(key(300))
        reporter.note([used(300, 7)], at: ms(3))
        #expect(reporter.take(upTo: 8, at: ms(3)) == [used(300, 7)])
        // Without a link nothing is taken, and SAs come and go.
        for round in 0..<10_000 as Range<UInt64> {
            reporter.removed(key(300))
            reporter.installed(key(300))
            reporter.note([used(300, 9)], at: ms(4 + round))
        }
        #expect(reporter.take(upTo: 8, at: ms(20_000)) == [used(300, 9)])
    }
}
