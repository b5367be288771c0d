internal import Associations

/// Where a worker makes the probes that the control plane asks for: frames that did not come from the port's receiving, in
/// a batch of their own.
struct ProbeBench: ~Copyable {
    private var batch: PacketBatch
    private var asked: [(target: String, number: UInt64)] = []
    private let bound: Int
    private(set) var tallies: [String: UInt64] = [:]

    /// One for each target waits at most.
    init(targetCount: Int) {
        bound = max(targetCount, 1)
        batch = PacketBatch(capacity: bound)
    }

    /// A later question to the same target takes the earlier one's place.
    mutating func ask(_ target: String, _ number: UInt64) {
        asked.removeAll { $0.target == target }
        // Names that are no target's cannot be as many as targets: the first go.
        if asked.count == bound { asked.removeFirst() }
        asked.append((target, number))
    }

    /// Once a round: what was asked for goes out, or is counted by what kept it.
    mutating func send(_ router: borrowing Router, _ port: inout RouterPort) {
        if asked.isEmpty { return }
        for (target, number) in asked {
            guard port.lend(to: &batch) else {
                tallies["noFrame", default: 0] += 1
                continue
            }
            router.writeProbe(number, to: target, in: &batch, at: batch.count - 1, memory: port.memory)
        }
        asked.removeAll(keepingCapacity: true)
        port.transmit(&batch)
        for index in 0..<batch.count { tallies[batch[index].verdict.name, default: 0] += 1 }
        port.release(&batch)
    }
}
