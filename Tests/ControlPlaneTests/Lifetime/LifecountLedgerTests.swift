import Associations
import Testing

@testable import ControlPlane

private let key = ShadowEntry.Key(spi: SPI(rawValue: 0x1001), direction: .outbound)
private let t1 = HolderID(rawValue: 1)
private let t2 = HolderID(rawValue: 2)

private func bytes(_ soft: UInt64, _ hard: UInt64) -> LifecountLedger.Limits {
    LifecountLedger.Limits(bytes: SessionPolicy.Limit(soft: soft, hard: hard))
}

private func used(_ bytes: UInt64, _ packets: UInt64 = 1) -> AssociationUsage {
    AssociationUsage(spi: key.spi, direction: key.direction, packets: packets, bytes: bytes)
}

private func granted(_ bytes: UInt64) -> LifecountGrant {
    LifecountGrant(spi: key.spi, direction: key.direction, bytes: bytes)
}

private func makeLedger() -> LifecountLedger {
    var ledger = LifecountLedger()
    _ = ledger.began(t1, incarnation: 11)
    _ = ledger.began(t2, incarnation: 22)
    return ledger
}

/// Event by event.
@Suite struct LifecountLedgerTests {
    /// 1,000,000 bytes; the slack is 100,000, of which each of two holders may have half in hand.
    @Test func aNewSAIsGrantedInPartsAndEachReportIsAnsweredOnceHalfIsUsed() {
        var ledger = makeLedger()
        #expect(
            ledger.install(key, bytes(800_000, 1_000_000), policy: "a")
                == [.grant(t1, granted(50_000)), .grant(t2, granted(50_000))])
        #expect(ledger.report(t1, incarnation: 11, [used(20_000)]) == [.usage(used(20_000))])
        #expect(
            ledger.report(t1, incarnation: 11, [used(25_000)])
                == [.grant(t1, granted(75_000)), .usage(used(25_000))])
        #expect(ledger.rest(of: key)!.bytes == 875_000)
    }

    @Test func whereNothingIsLimitedNothingIsGrantedAndUsageIsToldAllTheSame() {
        var ledger = makeLedger()
        #expect(ledger.install(key, LifecountLedger.Limits(), policy: "a") == [])
        #expect(ledger.report(t1, incarnation: 11, [used(5000, 5)]) == [.usage(used(5000, 5))])
        #expect(ledger.report(t2, incarnation: 22, [used(3000, 3)]) == [.usage(used(8000, 8))])
        #expect(ledger.report(t2, incarnation: 22, [used(3000, 3)]) == [])
    }

    @Test func whatADeadProcessDidNotReportCountsAsUsed() {
        var ledger = makeLedger()
        _ = ledger.install(key, bytes(800_000, 1_000_000), policy: "a")
        _ = ledger.report(t1, incarnation: 11, [used(10_000)])
        #expect(ledger.lost(t1) == [.usage(used(50_000))])
        // The next process begins at 0, beside what the former one was granted.
        #expect(ledger.began(t1, incarnation: 12) == [.grant(t1, granted(50_000))])
        #expect(ledger.rest(of: key)!.bytes == 1_000_000 - 50_000 - 2 * 50_000)
        #expect(ledger.report(t1, incarnation: 11, [used(40_000)]) == [])
        #expect(ledger.events == [.strangeProcess: 1])
        #expect(ledger.report(t1, incarnation: 12, [used(1000)]) == [.usage(used(51_000, 2))])
    }

    @Test func aProcessThatComesBackIsAsItWas() {
        var ledger = makeLedger()
        _ = ledger.install(key, bytes(800_000, 1_000_000), policy: "a")
        _ = ledger.report(t1, incarnation: 11, [used(10_000)])
        _ = ledger.lost(t1)
        #expect(ledger.began(t1, incarnation: 11) == [.grant(t1, granted(50_000))])
        #expect(ledger.rest(of: key)!.bytes == 900_000)
        // IKE was told of 50,000 and is not told of less.
        #expect(ledger.report(t1, incarnation: 11, [used(20_000, 2)]) == [.usage(used(50_000, 2))])
    }

    @Test func whoLeavesInOrderGivesBackTheRest() {
        var ledger = makeLedger()
        _ = ledger.install(key, bytes(8000, 10_000), policy: "a")
        // 10,000 bytes are two grants of two packets each, and a bit.
        #expect(ledger.grant(of: key, to: t1) == granted(4096))
        #expect(ledger.grant(of: key, to: t2) == granted(4096))
        // It gets all that is left, which is less than a large packet.
        #expect(
            ledger.report(t1, incarnation: 11, [used(4096, 4)])
                == [.grant(t1, granted(5904)), .exhausted(key), .usage(used(9000, 4))])
        #expect(ledger.report(t1, incarnation: 11, [used(5900, 6)]).first == .grant(t1, granted(5904)))
        _ = ledger.report(t2, incarnation: 22, [used(96)])
        #expect(ledger.left(t2, incarnation: 22).contains(.grant(t1, granted(9904))))
        #expect(ledger.rest(of: key)!.bytes == 0)
    }

    @Test func aLateReportChangesNothingAndAnImpossibleOneCounts() {
        var ledger = makeLedger()
        _ = ledger.install(key, bytes(800_000, 1_000_000), policy: "a")
        _ = ledger.report(t1, incarnation: 11, [used(20_000, 9)])
        #expect(ledger.report(t1, incarnation: 11, [used(19_000, 8)]) == [])
        #expect(ledger.report(t1, incarnation: 99, [used(20_001, 9)]) == [])
        let strange = AssociationUsage(spi: SPI(rawValue: 5000), direction: .inbound, packets: 1, bytes: 1)
        #expect(ledger.report(t1, incarnation: 11, [strange]) == [])
        #expect(ledger.events == [.late: 1, .strangeProcess: 1, .unknownAssociation: 1])
        // Nonsense does not trap, and ends the SA.
        #expect(ledger.report(t1, incarnation: 11, [used(.max, .max)]).contains(.exhausted(key)))
        #expect(ledger.events[.overrun] == 1)
        #expect(ledger.rest(of: key)!.bytes == 0)
    }

    @Test func hoardersDoNotKeepIKEFromNoticing() {
        // Twenty that hold two packets each, of a life that has 50: told as if what they hold beyond the slack were used.
        var ledger = LifecountLedger()
        for index in 0..<20 as Range<UInt16> { _ = ledger.began(HolderID(rawValue: index), incarnation: 1) }
        let actions = ledger.install(key, bytes(80_000, 100_000), policy: "a")
        #expect(actions.last == .usage(used(81_920 - 10_000, 0)))
        #expect(
            ledger.report(HolderID(rawValue: 0), incarnation: 1, [used(4000)]).contains {
                if case .usage(let total) = $0 { total.bytes < 80_000 } else { false }
            })
        let next = ledger.report(HolderID(rawValue: 1), incarnation: 1, [used(4000)])
        let last = ledger.report(HolderID(rawValue: 2), incarnation: 1, [used(4000)])
        #expect(
            (next + last).contains { if case .usage(let total) = $0 { total.bytes >= 80_000 } else { false } })
        #expect(ledger.rest(of: key)!.bytes > 0)
    }

    @Test func anSAOfOneTargetIsGrantedToThatOneOnly() {
        var ledger = makeLedger()
        #expect(
            ledger.install(key, bytes(800_000, 1_000_000), policy: "a", serving: .only(t2))
                == [.grant(t2, granted(100_000))])
        #expect(ledger.began(t1, incarnation: 12) == [])
        #expect(ledger.report(t1, incarnation: 12, [used(1)]) == [])
        #expect(ledger.events == [.unknownAssociation: 1])
    }

    @Test func whatAFormerOwnerGrantedIsGone() {
        var ledger = makeLedger()
        #expect(
            ledger.install(key, bytes(800_000, 1_000_000), policy: "a", carried: (990_000, 700))
                == [.grant(t1, granted(4096)), .grant(t2, granted(4096)), .usage(used(990_000, 700))])
        #expect(ledger.rest(of: key)!.bytes == 10_000 - 8192)
    }

    @Test func theShareIsHalvedOnceAnSAAndRelaxedByARefreshInTime() {
        var ledger = makeLedger()
        func shareAfter(_ body: (inout LifecountLedger) -> Void) -> UInt64 {
            var copy = ledger
            body(&copy)
            return copy.share(of: "a").parts
        }
        // Removed before its time: that says nothing.
        _ = ledger.install(key, bytes(40_000, 50_000), policy: "a")
        #expect(shareAfter { $0.remove(key) } == 4096)
        _ = ledger.install(key, bytes(40_000, 50_000), policy: "a", carried: (39_000, 1))
        #expect(shareAfter { $0.remove(key) } == 5120)
        let useUp: (inout LifecountLedger) -> Void = {
            for bytes in [4096, 6000, 6900] as [UInt64] { _ = $0.report(t1, incarnation: 11, [used(bytes)]) }
            $0.remove(key)
        }
        #expect(shareAfter(useUp) == 2048)
        // The peer may use the old SA up once there is a new one.
        #expect(
            shareAfter {
                $0.refreshed(key)
                useUp(&$0)
            } == 5120)
        for _ in 0..<40 {
            _ = ledger.install(key, bytes(40_000, 50_000), policy: "a", carried: (39_000, 1))
            ledger.remove(key)
        }
        #expect(ledger.share(of: "a").parts == LifecountShare.most)
        for _ in 0..<40 {
            _ = ledger.install(key, bytes(40_000, 50_000), policy: "a", carried: (39_000, 1))
            useUp(&ledger)
        }
        #expect(ledger.share(of: "a").parts == LifecountShare.least)
        #expect(ledger.share(of: "b") == LifecountShare())
    }

    /// 20,000 SAs and eight targets, of which one dies and comes back, twice: every SA's sum is right, and in order.
    @Test func manySAsOutliveADeath() {
        var ledger = LifecountLedger()
        for index in 0..<8 as Range<UInt16> { _ = ledger.began(HolderID(rawValue: index), incarnation: 1) }
        let keys = (0..<20_000 as Range<UInt32>).map {
            ShadowEntry.Key(spi: SPI(rawValue: 1000 + $0), direction: $0 % 2 == 0 ? .inbound : .outbound)
        }
        for key in keys.reversed() { _ = ledger.install(key, bytes(800_000_000, 1_000_000_000), policy: "a") }
        let part = ledger.grant(of: keys[0], to: HolderID(rawValue: 0))!.bytes
        for incarnation in 2...3 as ClosedRange<UInt64> {
            #expect(ledger.lost(t1).count == 20_000)
            let grants = ledger.began(t1, incarnation: incarnation)
            #expect(grants.count == 20_000)
            guard case .grant(t1, let first) = grants[0] else {
                Issue.record("no grant")
                return
            }
            #expect(first.spi == keys[0].spi)
        }
        #expect(keys.allSatisfy { ledger.rest(of: $0)!.bytes == 1_000_000_000 - 10 * part })
    }
}
