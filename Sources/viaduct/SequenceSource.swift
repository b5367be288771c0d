import Associations
import ControlPlane
import FastPath
import Wire

/// Where a host gets its sequence numbers: both kinds have the same few words for the loop.
enum SequenceSource: ~Copyable {
    case leased(LeasedSequences)
    case local(LocalSequences)

    /// A socket that answers come from; nil for local numbers.
    var fileDescriptor: Int32? {
        switch self {
        case .leased(let leased): leased.socket.descriptor
        case .local: nil
        }
    }

    /// A holder for an outbound SA that has come. Traps for local numbers: endpoints get no SAs while they run.
    mutating func add(_ holder: LeaseHolder) {
        guard case .leased(var leased) = consume self else { preconditionFailure("only a target is given SAs") }
        leased.add(holder)
        self = .leased(leased)
    }

    mutating func remove(_ spi: SPI) {
        guard case .leased(var leased) = consume self else { preconditionFailure("only a target is given SAs") }
        leased.remove(spi)
        self = .leased(leased)
    }

    /// After every batch: what waits for numbers, and what has come; publishes leases to `host`.
    /// - Returns: whether the host got new numbers.
    mutating func poll(_ host: inout Host, _ outgoing: borrowing PacketBatch) -> Bool {
        switch consume self {
        case .leased(var leased):
            let renewed = leased.poll(&host, outgoing)
            self = .leased(leased)
            return renewed
        case .local(var local):
            let renewed = local.poll(&host)
            self = .local(local)
            return renewed
        }
    }

    /// When `poll` has something to do though nothing comes; nanoseconds of the monotonic clock.
    var deadline: UInt64? {
        switch self {
        case .leased(let leased): leased.holders.compactMap(\.deadline).min()
        case .local: nil
        }
    }

    /// By name, for the status.
    var tallies: [String: UInt64] {
        switch self {
        case .leased(let leased): leased.tallies
        case .local(let local): ["failedReservations": local.failures]
        }
    }
}

/// Numbers leased from the cluster's sequencer, over UDP on the trusted link.
struct LeasedSequences: ~Copyable {
    private(set) var holders: [LeaseHolder]
    let socket: UDPSocket
    private let sequencer: SocketAddress
    private let clock = MonotonicClock()
    private var buffer = [UInt8](repeating: 0, count: 2048)
    private var malformed: UInt64 = 0
    private var unsent: UInt64 = 0
    /// Of holders whose SA is gone.
    private var formerTallies: [String: UInt64] = [:]

    init(_ holders: [LeaseHolder], socket: consuming UDPSocket, sequencer: SocketAddress) {
        self.holders = holders
        self.socket = socket
        self.sequencer = sequencer
    }

    /// For an outbound SA that has come; one of the same SPI begins anew.
    mutating func add(_ holder: LeaseHolder) {
        remove(holder.spi)
        holders.append(holder)
    }

    /// Leases of an SA that is gone: numbers that nobody can use any more.
    mutating func remove(_ spi: SPI) {
        for holder in holders where holder.spi == spi { Self.add(holder.tally, to: &formerTallies) }
        holders.removeAll { $0.spi == spi }
    }

    mutating func poll(_ host: inout Host, _ outgoing: borrowing PacketBatch) -> Bool {
        var renewed = false
        // A socket error (the router is not there yet) ends the reading; requests are repeated.
        while let (count, source) = try? socket.receive(into: &buffer) {
            guard source == sequencer, count == LeaseMessage.byteCount,
                let message = LeaseMessage(Array(buffer[..<count])),
                let index = holders.firstIndex(where: { $0.spi == message.spi })
            else {
                malformed += 1
                continue
            }
            let next = host.nextNumber(of: message.spi) ?? 0
            if perform(holders[index].receive(message, next: next, at: clock.now), &host) { renewed = true }
        }
        for index in holders.indices {
            let spi = holders[index].spi
            let actions = holders[index].poll(
                queued: host.demand(for: spi, outgoing), next: host.nextNumber(of: spi) ?? 0, at: clock.now)
            if perform(actions, &host) { renewed = true }
        }
        return renewed
    }

    private mutating func perform(_ actions: [LeaseHolder.Action], _ host: inout Host) -> Bool {
        var renewed = false
        for action in actions {
            switch action {
            case .send(let message):
                let sent = (try? socket.send(message.bytes, to: sequencer)) ?? false
                if !sent { unsent += 1 }
            case .publish(let spi, let lease):
                // A lease cannot be refused.
                try? host.apply(.lease(spi, lease))
                renewed = true
            }
        }
        return renewed
    }

    var tallies: [String: UInt64] {
        var sums = formerTallies
        sums["malformed"] = malformed
        sums["unsent"] = unsent
        for holder in holders { Self.add(holder.tally, to: &sums) }
        return sums
    }

    private static func add(_ tally: LeaseHolder.Tally, to sums: inout [String: UInt64]) {
        let named = [
            "leases": tally.leases, "repeatedRequests": tally.repeatedRequests, "staleMessages": tally.staleMessages,
            "lateLeases": tally.lateLeases, "expiredLeases": tally.expiredLeases, "revocations": tally.revocations,
            "refusals": tally.refusals,
        ]
        for (name, count) in named { sums[name, default: 0] += UInt64(count) }
    }
}

/// Numbers of SAs that this host alone sends under, written down before their first use.
struct LocalSequences: ~Copyable {
    struct Entry {
        var sequence: LocalSequence
        let file: ReservationFile
    }

    private var entries: [Entry]
    private let clock = MonotonicClock()
    private(set) var failures: UInt64 = 0

    init(_ entries: [Entry]) { self.entries = entries }

    mutating func poll(_ host: inout Host) -> Bool {
        var renewed = false
        for index in entries.indices {
            let spi = entries[index].sequence.spi
            let next = host.nextNumber(of: spi) ?? 0
            for action in entries[index].sequence.poll(next: next, at: clock.now) {
                guard case .reserve(let mark) = action else { continue }
                do {
                    try entries[index].file.reserve(upTo: mark)
                    for case .publish(let spi, let lease) in entries[index].sequence.reserved(upTo: mark, next: next) {
                        try host.apply(.lease(spi, lease))
                        renewed = true
                    }
                } catch {
                    failures += 1
                    entries[index].sequence.failed(at: clock.now)
                }
            }
        }
        return renewed
    }
}
