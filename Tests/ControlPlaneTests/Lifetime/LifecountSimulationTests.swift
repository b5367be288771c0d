import Associations
import Testing

@testable import ControlPlane

/// Hundreds of lives of SAs, from seeds.
@Suite struct LifecountSimulationTests {
    /// Whatever happens: no SA carries more than its hard limit, in bytes or in packets, and a target that can be heard does
    /// not wait long while there is a rest.
    private func check(_ simulation: LifecountSimulation) {
        let conditions = simulation.conditions
        for (key, done) in simulation.through {
            #expect(done.bytes <= conditions.bytes.hard, "seed \(conditions.seed): \(key)")
            if let packets = conditions.packets { #expect(done.packets <= packets.hard, "seed \(conditions.seed)") }
        }
        #expect(simulation.ledger.events[.overrun] == nil, "seed \(conditions.seed)")
    }

    @Test(arguments: 0..<150) func aQuickIKENeverMeetsTheHardLimit(_ seed: Int) {
        var conditions = LifecountSimulation.Conditions(seed: UInt64(seed))
        conditions.holders = 1 + seed % 8
        conditions.refreshDelay = 5
        let simulation = LifecountSimulation(conditions)
        simulation.run(steps: 1500)
        check(simulation)
        #expect(simulation.refreshes > 0)
        #expect(simulation.exhausted.isEmpty, "seed \(seed)")
        // A round trip, and no more, until a target that asks has its next grant.
        #expect(simulation.longestStarvation <= 2 * conditions.linkDelay + 2, "seed \(seed)")
        #expect(simulation.sent.allSatisfy { $0 > 0 })
    }

    @Test(arguments: 0..<200) func noTroubleOverrunsAKey(_ seed: Int) {
        var conditions = LifecountSimulation.Conditions(seed: UInt64(1000 + seed))
        conditions.holders = 1 + seed % 8
        conditions.lost = 200
        conditions.linkDelay = 1 + seed % 20
        conditions.deaths = 150
        conditions.linkLosses = 150
        conditions.orderlyStops = 80
        // Often later than the traffic leaves time for.
        conditions.refreshDelay = [5, 50, 400, 100_000][seed % 4]
        if seed % 3 == 0 { conditions.packets = nil }
        let simulation = LifecountSimulation(conditions)
        simulation.run(steps: 1500)
        check(simulation)
        // A report that was lost is said again after 200 ms.
        #expect(simulation.longestStarvation <= 5 * (200 + 4 * conditions.linkDelay), "seed \(seed)")
    }

    @Test func anIKEThatNeverComesLeavesNothingOfTheLifeUnused() {
        for seed in 0..<20 {
            var conditions = LifecountSimulation.Conditions(seed: UInt64(seed))
            conditions.refreshDelay = 1_000_000
            conditions.packets = nil
            conditions.rate = 40
            let simulation = LifecountSimulation(conditions)
            simulation.run(steps: 2500)
            check(simulation)
            let done = simulation.through.first!.value
            // All but what the slow ones have in hand.
            #expect(done.bytes > conditions.bytes.hard * 9 / 10, "seed \(seed): \(done)")
            #expect(simulation.exhausted == [simulation.through.first!.key])
            #expect(simulation.refused > 0)
        }
    }

    @Test func theShareMovesBothWays() {
        var slow = LifecountSimulation.Conditions(seed: 7)
        slow.refreshDelay = 600
        let late = LifecountSimulation(slow)
        late.run(steps: 6000)
        check(late)
        #expect(late.refreshes > 3)
        #expect(late.ledger.share(of: "a").parts == LifecountShare.least)

        var quick = slow
        quick.refreshDelay = 5
        let timely = LifecountSimulation(quick)
        timely.run(steps: 6000)
        check(timely)
        #expect(timely.ledger.share(of: "a").parts == LifecountShare.most)
    }

    @Test func theSameSeedIsTheSameRun() {
        var conditions = LifecountSimulation.Conditions(seed: 99)
        conditions.deaths = 100
        conditions.lost = 100
        let runs = (0..<2).map { _ in
            let simulation = LifecountSimulation(conditions)
            simulation.run(steps: 1000)
            return simulation
        }
        #expect(runs[0].sent == runs[1].sent)
        #expect(runs[0].refused == runs[1].refused)
        #expect(runs[0].told == runs[1].told)
    }
}
