import Dispatch
import Foundation
import Synchronization
import Workload

/// Many simulated SAs, until so many packets have reached the peer's model in all.
///
/// The network of the model: a lease message takes `linkDelay` steps and up to `linkJitter` more, some are lost or come
/// twice; the ways to the peer differ by less than four times `linkDelay` (docs/sequence-leases.md). Senders have rates that
/// differ by up to 32 times; three of ten are idle most of the time. A step is 40 µs.
struct ModelRun {
    let packets: Int
    let seed: UInt64
    let threads: Int

    static let windows = [32, 64, 128, 1024]
    static let senders = [2, 3, 4, 6, 8, 12, 16]

    struct Sum {
        var packets = 0
        var runs = 0
        var late = 0
        var repeated = 0
        var faults: [String] = []
    }

    /// The conditions of the n-th run.
    private func conditions(_ number: Int) -> SequenceSimulation.Conditions {
        let window = Self.windows[number % Self.windows.count]
        let senders = Self.senders[number / Self.windows.count % Self.senders.count]
        var random = SeededGenerator(seed: seed &+ UInt64(number) &* 0x1_0001)
        var conditions = SequenceSimulation.Conditions(
            seed: random.next(), window: window, senders: senders,
            packets: 500_000)
        conditions.linkDelay = 1 + random.below(6)
        conditions.linkJitter = random.below(4) == 0 ? 60 : random.below(4)
        conditions.pathJitter = 4 * conditions.linkDelay - 1
        conditions.rate = 1000 << random.below(5)
        if random.chance(300) {
            conditions.lost = random.below(20)
            conditions.duplicated = random.below(50)
        }
        return conditions
    }

    func run() throws -> Bool {
        let begin = Date()
        let sum = Mutex(Sum())
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            while sum.withLock({ $0.packets < packets }) {
                let number = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                let simulation = SequenceSimulation(conditions(number))
                simulation.run(limit: 50_000_000)
                let repeated = simulation.ledger.repeated + simulation.peer.repeated
                // Every packet arrives: one that is not accepted was late or repeated, whatever the counters say.
                let lost = simulation.ledger.used - simulation.peer.accepted
                sum.withLock { sum in
                    sum.runs += 1
                    sum.packets += simulation.ledger.used
                    sum.late += simulation.peer.late
                    sum.repeated += repeated
                    if repeated > 0 || lost > 0 || simulation.ledger.used < simulation.conditions.packets {
                        sum.faults.append("run \(number): \(simulation.conditions)")
                    }
                }
            }
        }
        let total = sum.withLock { $0 }
        let seconds = -begin.timeIntervalSinceNow
        print(
            "\(total.packets) packets under \(total.runs) simulated SAs, windows \(Self.windows), \(Self.senders) senders:"
                + " \(total.late) late, \(total.repeated) repeated; \(Int(seconds)) s")
        for fault in total.faults.prefix(10) { print("  FAULT \(fault)") }
        try Figure(name: "leases/model/packets", value: Double(total.packets), unit: "packets").record()
        try Figure(name: "leases/model/late", value: Double(total.late), unit: "numbers").record()
        try Figure(name: "leases/model/repeated", value: Double(total.repeated), unit: "numbers").record()
        return total.faults.isEmpty
    }
}
