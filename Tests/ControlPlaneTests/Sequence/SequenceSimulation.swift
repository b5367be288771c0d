import Associations

import ControlPlane

/// One SA, its sequencer, its senders, the link between them and the peer, in virtual time and from one seed.
///
/// Time goes in steps of `stepNanoseconds`; what is sent lands in the slot of the step in which it arrives.
final class SequenceSimulation {
    static let stepNanoseconds: UInt64 = 40_000
    /// Steps; more than the longest delay.
    private static let horizon = 1024

    struct Conditions {
        var seed: UInt64
        var window: Int
        var senders: Int
        var packets: Int
        /// Steps: shortest delay on the link, and how much longer it may take.
        var linkDelay = 5
        var linkJitter = 75
        /// Steps: how much longer than the shortest way a packet to the peer may take. Below four times `linkDelay`
        /// nothing may come late (docs/sequence-leases.md).
        var pathJitter = 19
        /// Of a thousand messages.
        var lost = 0
        var duplicated = 0
        /// Of a million steps.
        var pauses = 0
        var deaths = 0
        var restarts = 0
        /// Packets of a sender in a thousand steps, at most.
        var rate = 2000
        /// What the sequencer believes, if not the truth.
        var believedWindow: Int?
        /// Whether a restarted sequencer finds what its predecessor reserved.
        var remembersReservation = true
    }

    private enum Arrival {
        case atSequencer([UInt8])
        case atSender(Int, [UInt8])
    }

    let conditions: Conditions
    private var random: SeededGenerator
    private(set) var step = 0 { didSet { now = UInt64(step) * Self.stepNanoseconds } }
    private var now: UInt64 = 0
    private(set) var peer: PeerModel
    private(set) var ledger = NumberLedger()
    private(set) var senders: [SenderModel] = []
    private(set) var sequencer: Sequencer
    private(set) var restarts = 0
    /// What the coupling facility has.
    private var durableMark: UInt64 = 1
    private var arrivals = [[Arrival]](repeating: [], count: horizon)
    private var packets = [[UInt64]](repeating: [], count: horizon)
    private static let spi = SPI(rawValue: 0xC0FF_EE01)

    init(_ conditions: Conditions) {
        self.conditions = conditions
        random = SeededGenerator(seed: conditions.seed)
        peer = PeerModel(window: conditions.window)
        sequencer = Self.makeSequencer(conditions, mark: 1, seed: random.next(), at: 0)
        for index in 0..<conditions.senders {
            // Skewed: a few send most; some idle most of the time.
            let rate = max(5, conditions.rate >> random.below(6))
            let idle = random.chance(300)
            let period = idle ? 20_000 : 1000
            senders.append(
                SenderModel(
                    holder: Self.newHolder(index, &random), clockOffset: random.next() >> 20, rate: rate,
                    periodSteps: period,
                    dutySteps: idle ? 500 + random.below(2000) : period))
        }
        perform(sequencer.start(at: 0))
    }

    private static func makeSequencer(_ conditions: Conditions, mark: UInt64, seed: UInt64, at now: UInt64) -> Sequencer
    {
        Sequencer(
            spi: spi, replayWindow: conditions.believedWindow ?? conditions.window,
            reservation: Reservation(mark: mark), identifierSeed: seed, at: now)
    }

    private static func newHolder(_ index: Int, _ random: inout SeededGenerator) -> LeaseHolder {
        LeaseHolder(spi: spi, holder: HolderID(rawValue: UInt16(index)), incarnation: random.next())
    }

    /// Until `packets` are sent, or `limit` steps are over.
    func run(limit: Int = 3_000_000) {
        while ledger.used < conditions.packets && step < limit { advance() }
        // What is on the way arrives.
        for _ in 0..<Self.horizon {
            deliverPackets()
            step += 1
        }
    }

    private func advance() {
        if conditions.pauses + conditions.deaths + conditions.restarts > 0 { misfortune() }
        deliverPackets()
        deliverMessages()
        if let deadline = sequencer.deadline, now >= deadline { perform(sequencer.tick(at: now)) }
        for index in senders.indices where senders[index].isRunning(at: step) {
            senders[index].arrivals(at: step, &random)
            let deadline = senders[index].holder.deadline ?? .max
            if senders[index].queued > 0 || senders[index].clock(now) >= deadline { pass(index) }
        }
        step += 1
    }

    /// One turn of a target's loop: numbers for what waits, packets out, then the lease machine.
    private func pass(_ index: Int) {
        sendPackets(of: index)
        let queued = senders[index].queued
        let next = senders[index].next
        let clock = senders[index].clock(now)
        perform(senders[index].holder.poll(queued: queued, next: next, at: clock), by: index)
        if queued > 0 && senders[index].sent > 0 { senders[index].stalls += 1 }
    }

    private func sendPackets(of index: Int) {
        let numbers = senders[index].takeNumbers(at: now)
        guard !numbers.isEmpty else { return }
        let middle = (numbers.lowerBound + numbers.upperBound) / 2
        for part in [numbers.lowerBound..<middle, middle..<numbers.upperBound] {
            // Slower or faster from one moment to the next, but never overtaking on the same way.
            let arrival = step + 10 + random.below(conditions.pathJitter + 1)
            senders[index].lastArrival = max(senders[index].lastArrival, arrival)
            let slot = senders[index].lastArrival % Self.horizon
            for number in part {
                ledger.use(number)
                packets[slot].append(number)
            }
        }
    }

    private func deliverPackets() {
        let slot = step % Self.horizon
        guard !packets[slot].isEmpty else { return }
        for number in packets[slot] { peer.receive(number) }
        packets[slot].removeAll(keepingCapacity: true)
    }

    private func deliverMessages() {
        let slot = step % Self.horizon
        guard !arrivals[slot].isEmpty else { return }
        let due = arrivals[slot]
        arrivals[slot].removeAll(keepingCapacity: true)
        for arrival in due {
            switch arrival {
            case .atSequencer(let bytes):
                perform(sequencer.receive(LeaseMessage(bytes)!, at: now))
            case .atSender(let index, let bytes):
                // A paused host finds its messages when it goes on; here they are lost.
                guard senders[index].isRunning(at: step) else { continue }
                let next = senders[index].next
                let clock = senders[index].clock(now)
                perform(senders[index].holder.receive(LeaseMessage(bytes)!, next: next, at: clock), by: index)
                pass(index)
            }
        }
    }

    private func perform(_ actions: [LeaseHolder.Action], by index: Int) {
        for action in actions {
            switch action {
            case .publish(_, let lease): senders[index].apply(lease)
            case .send(let message): carry(.atSequencer(message.bytes))
            }
        }
    }

    private func perform(_ actions: [Sequencer.Action]) {
        for action in actions {
            switch action {
            case .send(let message): carry(.atSender(Int(message.holder.rawValue), message.bytes))
            case .reserve(let mark):
                durableMark = mark
                perform(sequencer.reserved(upTo: mark, at: now))
            }
        }
    }

    private func carry(_ arrival: Arrival) {
        if random.chance(conditions.lost) { return }
        let copies = random.chance(conditions.duplicated) ? 2 : 1
        for _ in 0..<copies {
            let delay = conditions.linkDelay + random.below(conditions.linkJitter + 1)
            arrivals[(step + delay) % Self.horizon].append(arrival)
        }
    }

    private func misfortune() {
        if random.below(1_000_000) < conditions.pauses {
            senders[random.below(senders.count)].pausedUntil = step + 200 + random.below(3000)
        }
        if random.below(1_000_000) < conditions.deaths {
            // A new process in its place: it has no lease and knows of none.
            let index = random.below(senders.count)
            senders[index].holder = Self.newHolder(index, &random)
            senders[index].lease = nil
            senders[index].next = 0
            senders[index].pausedUntil = step + random.below(2000)
        }
        if random.below(1_000_000) < conditions.restarts {
            restarts += 1
            let mark = conditions.remembersReservation ? durableMark : 1
            sequencer = Self.makeSequencer(conditions, mark: mark, seed: random.next(), at: now)
            perform(sequencer.start(at: now))
        }
    }
}
