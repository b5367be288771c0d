import Associations
import ControlPlane
import Foundation
import Glibc
import Wire
import Workload

/// One SA: the real service on its thread, over UDP on loopback; its senders, each with a socket, a holder and a queue that
/// is never empty, on another thread, which stands for all their hosts. Every number that a sender takes reaches the
/// peer's model at once and in that order.
enum ServiceRun {
    static let packetByteCount = 1400

    static func measure(milliseconds: Int, senders: [Int], windows: [Int], isSealed: Bool) throws -> Bool {
        var isGood = true
        var table: [Int: [Int: Double]] = [:]
        for window in windows {
            for count in senders {
                let run = try one(window: window, senders: count, milliseconds: milliseconds, isSealed: isSealed)
                table[count, default: [:]][window] = run.megabits
                let place = "\(count)sender\(count == 1 ? "" : "s")/window\(window)"
                try Figure(name: "leases/throughput/\(place)", value: run.megabits, unit: "Mb/s").record()
                try Figure(name: "leases/service/\(place)", value: run.leases, unit: "leases/s").record()
                if run.late + run.repeated > 0 {
                    print("  FAULT \(place): \(run.late) late, \(run.repeated) repeated")
                    isGood = false
                }
            }
        }
        print("Mb/s of \(packetByteCount)-byte packets under one SA\(isSealed ? "" : ", messages not sealed")")
        print("  senders " + windows.map { pad("window \($0)") }.joined())
        for count in senders {
            print("  \(pad("\(count)", 7)) " + windows.map { pad("\(Int(table[count]?[$0] ?? 0))") }.joined())
        }
        if let aim = table[4]?[64] { print("aim: 1000 Mb/s from 4 senders at window 64; it is \(Int(aim))") }
        return isGood
    }

    private static func pad(_ text: String, _ width: Int = 12) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private struct Outcome {
        var megabits = 0.0
        var leases = 0.0
        var late = 0
        var repeated = 0
    }

    private final class Box {
        let socket: UDPSocket
        init(_ socket: consuming UDPSocket) { self.socket = socket }
    }

    private struct Sender {
        var holders: LeaseHolders
        let channel: LeaseChannel
        let box: Box
        var next: UInt64 = 0
        var end: UInt64 = 0
        var validUntil: UInt64 = 0
    }

    private static func one(window: Int, senders count: Int, milliseconds: Int, isSealed: Bool) throws -> Outcome {
        let spi = SPI(rawValue: 0xC0FF_EE01)
        let loopback = IPAddress("127.0.0.1")!
        let clock = MonotonicClock()
        let epoch = Epoch(rawValue: 1)
        let names = (0..<count).map { HolderID(rawValue: UInt16($0)) }
        let service = try SequencerService(
            local: SocketAddress(address: loopback, port: 0),
            holders: Dictionary(uniqueKeysWithValues: names.map { ($0, loopback) }),
            associations: [
                .init(spi: spi, replayWindow: window, marks: .unwritten, lastNumber: 1 << 40)
            ], protection: isSealed ? .sealed : .none)
        defer { service.stop() }
        var senders = try names.map { name in
            var random = SystemRandomNumberGenerator()
            let key = SecretBytes(
                (0..<LeaseChannel.keyByteCount).map { _ in UInt8.random(in: 0...255, using: &random) })
            service.protect(name, key: key, epoch: epoch)
            return Sender(
                holders: LeaseHolders([LeaseHolder(spi: spi, holder: name, incarnation: .random(in: 0 ... .max))]),
                channel: LeaseChannel(.holder, of: name, key: key, epoch: epoch),
                box: Box(try UDPSocket(bind: SocketAddress(address: loopback, port: 0))))
        }
        var peer = PeerModel(window: window)
        var ledger = NumberLedger()
        var outcome = Outcome()
        var leases = 0
        var buffer = [UInt8](repeating: 0, count: 2048)

        func perform(_ actions: [LeaseHolder.Action], of place: Int) throws {
            for action in actions {
                switch action {
                case .publish(_, let lease):
                    (senders[place].next, senders[place].end) = (lease.first, lease.end)
                    senders[place].validUntil = lease.validUntil
                    if lease.validUntil > 0 { leases += 1 }
                case .send(let message):
                    let bytes = isSealed ? senders[place].channel.seal(message) : message.bytes
                    try senders[place].box.socket.send(bytes, to: service.address)
                }
            }
        }
        /// What a target's loop does in a round, a queue of 64 packets before it. Whether anything happened.
        func turn(_ place: Int) throws -> Bool {
            var isBusy = false
            while let (length, _) = try senders[place].box.socket.receive(into: &buffer) {
                let bytes = Array(buffer[..<length])
                let message = isSealed ? try senders[place].channel.open(bytes) : LeaseMessage(bytes)!
                try perform(
                    senders[place].holders.receive(message, next: senders[place].next, at: clock.now), of: place)
                isBusy = true
            }
            var waiting = 64
            let now = clock.now
            while waiting > 0, senders[place].next < senders[place].end, now < senders[place].validUntil {
                peer.receive(senders[place].next)
                ledger.use(senders[place].next)
                senders[place].next += 1
                waiting -= 1
                isBusy = true
            }
            senders[place].holders.note(spi, waiting: waiting == 0 ? 1 : waiting)
            for spi in senders[place].holders.takeDue(at: clock.now) {
                try perform(
                    senders[place].holders.poll(spi, next: senders[place].next, at: clock.now), of: place)
            }
            return isBusy
        }
        func go(for nanoseconds: UInt64) throws {
            let end = clock.now + nanoseconds
            while clock.now < end {
                var isBusy = false
                for place in senders.indices { isBusy = try turn(place) || isBusy }
                if !isBusy { wait(senders.map { $0.box.socket.descriptor }) }
            }
        }

        try go(for: 150_000_000)
        let (before, leasesBefore, begin) = (ledger.used, leases, clock.now)
        try go(for: UInt64(milliseconds) * 1_000_000)
        let seconds = Double(clock.now - begin) / 1_000_000_000
        outcome.megabits = Double((ledger.used - before) * packetByteCount * 8) / seconds / 1_000_000
        outcome.leases = Double(leases - leasesBefore) / seconds
        outcome.late = peer.late
        outcome.repeated = ledger.repeated + peer.repeated
        return outcome
    }

    /// Until something comes, a millisecond at most.
    private static func wait(_ descriptors: [Int32]) {
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&polled, nfds_t(polled.count), 1)
    }
}
