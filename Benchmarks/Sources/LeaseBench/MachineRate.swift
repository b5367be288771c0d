import Associations
import ControlPlane
import Foundation
import Workload

/// Leases a second and core: the two machines with nothing between them, and what their messages' sealing takes.
enum MachineRate {
    static func measure(leases: Int) throws {
        for senders in [2, 4, 16] {
            for isSealed in [false, true] {
                let samples = (0..<5).map { _ in rate(leases: leases / 5, senders: senders, isSealed: isSealed) }
                let name = "leases/machine/\(senders)senders\(isSealed ? "/sealed" : "")"
                print("\(name): \(Int(samples.median)) leases/s")
                try Figure(name: name, value: samples.median, unit: "leases/s", samples: samples).record()
            }
        }
    }

    private static func rate(leases: Int, senders count: Int, isSealed: Bool) -> Double {
        let spi = SPI(rawValue: 0x1000)
        let clock = MonotonicClock()
        var sequencer = Sequencer(
            spi: spi, replayWindow: 1024, reservation: Reservation(mark: 1), identifierSeed: 1, at: clock.now)
        var holders = (0..<count).map {
            LeaseHolder(spi: spi, holder: HolderID(rawValue: UInt16($0)), incarnation: 1)
        }
        var next = [UInt64](repeating: 0, count: count)
        let ends = (0..<count).map { place in
            let key = SecretBytes([UInt8](repeating: UInt8(place), count: LeaseChannel.keyByteCount))
            return (
                LeaseChannel(.holder, of: holders[place].holder, key: key, epoch: Epoch(rawValue: 1)),
                LeaseChannel(.sequencer, of: holders[place].holder, key: key, epoch: Epoch(rawValue: 1))
            )
        }
        var granted = 0

        func carry(_ actions: [Sequencer.Action]) {
            for action in actions {
                switch action {
                case .reserve(let mark): carry(sequencer.reserved(upTo: mark, at: clock.now))
                case .send(let message):
                    let place = Int(message.holder.rawValue)
                    let arrived =
                        isSealed
                        ? try! ends[place].0.open(ends[place].1.seal(message)) : LeaseMessage(message.bytes)!
                    carry(holders[place].receive(arrived, next: next[place], at: clock.now), of: place)
                }
            }
        }
        func carry(_ actions: [LeaseHolder.Action], of place: Int) {
            for action in actions {
                switch action {
                case .publish(_, let lease):
                    // All of it is used at once.
                    next[place] = lease.validUntil == 0 ? lease.first : lease.end
                    granted += 1
                case .send(let message):
                    let arrived =
                        isSealed
                        ? try! ends[place].1.open(ends[place].0.seal(message)) : LeaseMessage(message.bytes)!
                    carry(sequencer.receive(arrived, at: clock.now))
                }
            }
        }
        carry(sequencer.start(at: clock.now))
        let begin = clock.now
        while granted < leases {
            for place in holders.indices {
                carry(holders[place].poll(queued: 64, next: next[place], at: clock.now), of: place)
            }
            carry(sequencer.tick(at: clock.now))
        }
        return Double(granted) / (Double(clock.now - begin) / 1_000_000_000)
    }
}
