import ControlPlane
import Testing

/// Many runs from seeds; a run that fails is named by its conditions, and the same conditions fail again.
@Suite struct SequenceSimulationTests {
    /// 40 runs: every window with every number of senders, more packets where leases are larger.
    @Test(arguments: [32, 64, 128, 1024], [2, 3, 5, 9, 16])
    func severalSendersNeverOvertakeTheWindow(window: Int, senders: Int) {
        for seed in 0..<2 as Range<UInt64> {
            let simulation = SequenceSimulation(
                .init(seed: seed, window: window, senders: senders, packets: window >= 1024 ? 130_000 : 60 * window))
            simulation.run()
            #expect(simulation.peer.late == 0, "\(simulation.conditions)")
            #expect(simulation.ledger.repeated == 0 && simulation.peer.repeated == 0, "\(simulation.conditions)")
            #expect(simulation.ledger.used >= simulation.conditions.packets, "\(simulation.conditions)")
            #expect(simulation.peer.accepted == simulation.ledger.used, "\(simulation.conditions)")
        }
    }

    @Test(arguments: [32, 64, 128, 1024], [2, 4, 16])
    func noNumberTwiceWhateverHappens(window: Int, senders: Int) {
        for seed in 100..<103 as Range<UInt64> {
            let simulation = SequenceSimulation(
                .init(
                    seed: seed, window: window, senders: senders, packets: window >= 1024 ? 10_000 : 40 * window,
                    pathJitter: 200, lost: 50, duplicated: 100, pauses: 1000, deaths: 400, restarts: 100))
            simulation.run()
            #expect(simulation.ledger.repeated == 0 && simulation.peer.repeated == 0, "\(simulation.conditions)")
            #expect(simulation.ledger.used >= simulation.conditions.packets, "\(simulation.conditions)")
        }
    }

    @Test func aSenderAloneIsNeverStalled() {
        let simulation = SequenceSimulation(
            .init(seed: 7, window: 32, senders: 1, packets: 600_000, linkJitter: 50, rate: 8000))
        simulation.run()
        #expect(simulation.peer.late == 0 && simulation.ledger.repeated == 0)
        #expect(simulation.ledger.used >= 600_000)
        #expect(simulation.senders[0].stalls == 0)
        #expect(simulation.sequencer.tally.burntNumbers == 0)
    }
}

/// The simulation itself can fail: what would be wrong is seen.
@Suite struct SequenceSimulationSelfTests {
    @Test func aWindowSmallerThanBelievedIsSeenAsLatePackets() {
        let simulation = SequenceSimulation(
            .init(seed: 1, window: 32, senders: 4, packets: 5000, believedWindow: 256))
        simulation.run()
        #expect(simulation.peer.late > 0)
    }

    @Test func pathsThatDifferByMoreThanTheBoundAreSeenAsLatePackets() {
        let simulation = SequenceSimulation(
            .init(seed: 1, window: 32, senders: 4, packets: 5000, linkJitter: 0, pathJitter: 200))
        simulation.run()
        #expect(simulation.peer.late > 0)
    }

    @Test func aForgottenReservationIsSeenAsRepeatedNumbers() {
        let simulation = SequenceSimulation(
            .init(seed: 1, window: 64, senders: 2, packets: 5000, restarts: 2000, remembersReservation: false))
        simulation.run()
        #expect(simulation.restarts > 0)
        #expect(simulation.ledger.repeated > 0)
    }
}
