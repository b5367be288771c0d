// WorkerBench [scenario=256sa-4096conn/40B] [rounds=31]
//
// Two workers on two processors beside one, over the same packets in memory, in turns: with every packet on its owner's queue, and
// with every other one on the other worker's, which must hand it over. Filling frames is timed with the rest, in all three.
import Associations
import CMachine
import FastPath
import Foundation
import Synchronization
import Workload

@main enum WorkerBench {
    static func main() throws {
        var options = ["scenario": "256sa-4096conn/40B", "rounds": "31"]
        for argument in CommandLine.arguments.dropFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, options[parts[0]] != nil else { fail("unknown argument \(argument)") }
            options[parts[0]] = parts[1]
        }
        guard let scenario = Scenario(name: options["scenario"]!), let rounds = Int(options["rounds"]!), rounds > 0
        else {
            fail("scenario must be like 256sa-4096conn/40B, rounds a number")
        }
        guard Processors.available.count >= 2 else { return print("two workers: this machine has one processor") }
        let store = PacketStore(scenario)
        let contests = try [Contest(store, .one), Contest(store, .two), Contest(store, .twoHandingOver)]
        let rate = Double(tickRate())
        var samples: [[Double]] = [[], [], []]
        for round in 0...rounds {
            for (index, contest) in contests.enumerated() {
                let perSecond = try contest.pass() * rate
                // The first one warms up.
                if round > 0 { samples[index].append(perSecond) }
            }
        }
        let names = ["one", "two", "two-handing-over"].map { "workers/\($0)/\(scenario.name)" }
        for (index, contest) in contests.enumerated() {
            let ratios = zip(samples[index], samples[0]).map { $0 / $1 }
            let figure = Figure(
                name: names[index], value: samples[index].median, unit: "packets/s", peer: index == 0 ? nil : names[0],
                ratio: index == 0 ? nil : ratios.median, samples: samples[index])
            try figure.record()
            print(
                "  \(names[index]): \(Int(figure.value)) packets/s (\(Int(figure.lowest!)) to \(Int(figure.highest!)))"
                    + (figure.ratio.map { ", \($0) x one worker" } ?? "") + contest.account)
        }
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("WorkerBench: \(message)\n".utf8))
        exit(2)
    }
}

/// A number of workers over a store's packets.
final class Contest: Sendable {
    enum Kind { case one, two, twoHandingOver }

    private let store: PacketStore
    private let lanes: [Lane]
    /// Packets of the pass, by worker.
    private let orders: [[Int]]
    private let settled = Atomic<Int>(0)
    private let ready = Atomic<Int>(0)
    /// Packets of its own queue that each worker has taken; only where they hand over.
    private let received: (Counter, Counter) = (Counter(), Counter())
    private let isPaced: Bool
    /// So far one worker's queue may be ahead of the other's: cards fill queues at one rate, and a machine that takes a processor
    /// away for a while would else let one worker fill the ring that the other does not empty.
    private static let lead = 128
    private final class Counter: Sendable { let value = Atomic<Int>(0) }

    init(_ store: PacketStore, _ kind: Kind) throws {
        self.store = store
        let count = kind == .one ? 1 : 2
        isPaced = kind == .twoHandingOver
        let desks = WorkerDesks(
            count: count, associationCapacity: RouterPath.configuration(for: store, verifies: true).associationCapacity)
        let associations = store.cluster.peers.map {
            // What is handed over comes out of order.
            var association = $0.association
            association.replayWindow = SecurityAssociation.replayWindowRange.upperBound
            return desks.prepare(association)
        }
        lanes = try (0..<count).map { try Lane(store, desks, associations, seat: $0) }
        let peers = store.cluster.peers.count
        func owner(_ connection: Int) -> Int { connection % peers % count }
        orders = (0..<count).map { worker in
            store.frames.indices.filter {
                (kind == .twoHandingOver ? $0 % count : owner(store.connection(of: $0))) == worker
            }
        }
        // Who gets the first packets of an SA owns it.
        for worker in 0..<count {
            lanes[worker].offer(store.openings, store.openings.indices.filter { owner($0) == worker })
            var opened = 0
            while lanes[worker].round(settled: &opened) {}
        }
        let steered = lanes.reduce(0) { $0 + $1.steered }
        guard steered == store.openings.count else { WorkerBench.fail("only \(steered) were steered") }
    }

    /// Steered packets a tick.
    func pass() throws -> Double {
        for (lane, order) in zip(lanes, orders) {
            try lane.renewWindows()
            lane.offer(store.frames, order)
        }
        settled.store(0, ordering: .relaxed)
        ready.store(0, ordering: .relaxed)
        for counter in [received.0, received.1] { counter.value.store(0, ordering: .relaxed) }
        let steeredBefore = lanes.reduce(0) { $0 + $1.steered }
        let before = lanes.reduce(0) { $0 + $1.steered + $1.refused }
        let done = DispatchSemaphore(value: 0)
        for worker in 1..<max(lanes.count, 1) {
            Thread {
                _ = self.run(worker)
                done.signal()
            }.start()
        }
        let ticks = run(0)
        for _ in 1..<max(lanes.count, 1) { done.wait() }
        let after = lanes.reduce(0) { $0 + $1.steered + $1.refused }
        guard Int(after - before) == store.frames.count else {
            WorkerBench.fail("\(after - before) of \(store.frames.count) were steered: \(lanes.map(\.verdicts))")
        }
        return Double(lanes.reduce(0) { $0 + $1.steered } - steeredBefore) / Double(ticks)
    }

    /// Until all packets of all workers are settled. Returns the ticks from when all were ready.
    private func run(_ worker: Int) -> UInt64 {
        let processors = Processors.all
        if lanes.count > 1 { _ = machine_pin(Int32(processors[worker % processors.count])) }
        ready.add(1, ordering: .acquiringAndReleasing)
        while ready.load(ordering: .acquiring) < lanes.count {}
        let start = machine_ticks()
        while settled.load(ordering: .relaxed) < store.frames.count {
            var count = 0
            var isHeldBack = false
            if isPaced {
                let (mine, other) = worker == 0 ? received : (received.1, received.0)
                isHeldBack = lanes[worker].received > other.value.load(ordering: .acquiring) + Self.lead
                mine.value.store(lanes[worker].received, ordering: .releasing)
            }
            let isBusy = lanes[worker].round(settled: &count, isHeldBack: isHeldBack)
            if count > 0 { settled.add(count, ordering: .acquiringAndReleasing) }
            if !isBusy { sched_yield() }
        }
        return machine_ticks() &- start
    }

    /// What was handed over, and what was refused because the owner did not keep up.
    var account: String {
        let handed = lanes.reduce(0) { $0 + $1.handedOver }
        guard handed > 0 else { return "" }
        let refused = lanes.reduce(0) { $0 + $1.refused }
        return "; \(handed) handed over, \(refused) refused"
    }
}

extension Processors {
    /// Before any thread was bound.
    static let all = available
}

extension PacketStore.Frames { var indices: Range<Int> { 0..<count } }
