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

    /// For a target whose XCF link has begun a connection. Traps for local numbers.
    mutating func protect(_ holder: HolderID, key: SecretBytes, epoch: Epoch) {
        guard case .leased(var leased) = consume self else { preconditionFailure("only a target has leases") }
        leased.protect(holder, key: key, epoch: epoch)
        self = .leased(leased)
    }

    /// For a target whose XCF link is down. Traps for local numbers.
    mutating func unprotect() {
        guard case .leased(var leased) = consume self else { preconditionFailure("only a target has leases") }
        leased.unprotect()
        self = .leased(leased)
    }

    /// A batch that went through `Host.seal`, before what is decided leaves it.
    mutating func note(_ host: inout Host, _ batch: borrowing PacketBatch) {
        switch consume self {
        case .leased(var leased):
            leased.note(&host, batch)
            self = .leased(leased)
        case .local(let local): self = .local(local)
        }
    }

    /// When the packet path has ended for good: what was reserved for it and not used goes back.
    mutating func giveBack(_ host: borrowing Host) {
        switch consume self {
        case .leased(let leased): self = .leased(leased)
        case .local(var local):
            local.giveBack(host)
            self = .local(local)
        }
    }

    /// After every batch: what waits for numbers, and what has come; publishes leases to `host`.
    /// - Returns: whether the host got new numbers.
    mutating func poll(_ host: inout Host) -> Bool {
        switch consume self {
        case .leased(var leased):
            let renewed = leased.poll(&host)
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
        case .leased(let leased): leased.deadline
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
    private var holders: LeaseHolders
    let socket: UDPSocket
    private let sequencer: SocketAddress
    private let protection: LeaseProtection
    /// What seals the messages of the present connection.
    private var channel: LeaseChannel?
    private let clock = MonotonicClock()
    private var buffer = [UInt8](repeating: 0, count: 2048)
    private var malformed: UInt64 = 0
    private var unsent: UInt64 = 0
    private var sealFaults: [LeaseChannel.Fault: UInt64] = [:]

    init(
        _ holders: [LeaseHolder], socket: consuming UDPSocket, sequencer: SocketAddress,
        protection: LeaseProtection = .none
    ) {
        self.holders = LeaseHolders(holders)
        self.socket = socket
        self.sequencer = sequencer
        self.protection = protection
    }

    /// A connection of the XCF link has begun, which has this key for the leases. Traps on the key of the present one.
    mutating func protect(_ holder: HolderID, key: SecretBytes, epoch: Epoch) {
        precondition(channel?.isUnder(key) != true, "a lease key is for one connection")
        channel = LeaseChannel(.holder, of: holder, key: key, epoch: epoch)
    }

    /// It is over: nothing is asked for and nothing is taken until there is another. What is leased may be used.
    mutating func unprotect() { channel = nil }

    /// Messages of an older epoch change nothing from now on.
    mutating func advance(to epoch: Epoch) { channel?.advance(to: epoch) }

    /// For an outbound SA that has come; one of the same SPI begins anew.
    mutating func add(_ holder: LeaseHolder) { holders.add(holder) }

    /// Leases of an SA that is gone: numbers that nobody can use any more.
    mutating func remove(_ spi: SPI) { holders.remove(spi) }

    var deadline: UInt64? { holders.deadline }

    /// A batch that went through `Host.seal`, before what is decided leaves it.
    mutating func note(_ host: inout Host, _ batch: borrowing PacketBatch) {
        while let spi = host.takeMissed() { holders.note(spi, waiting: 1) }
        for index in 0..<batch.count {
            guard let spi = host.outboundSPI(of: batch[index]) else { continue }
            holders.note(spi, waiting: batch[index].verdict == .pending ? 1 : 0)
        }
    }

    mutating func poll(_ host: inout Host) -> Bool {
        var renewed = false
        // A socket error (the router is not there yet) ends the reading; requests are repeated.
        while let (count, source) = try? socket.receive(into: &buffer) {
            guard let message = open(Array(buffer.prefix(count)), from: source) else { continue }
            let next = host.nextNumber(of: message.spi) ?? 0
            if perform(holders.receive(message, next: next, at: clock.now), &host) { renewed = true }
        }
        for spi in holders.takeDue(at: clock.now) {
            let actions = holders.poll(spi, next: host.nextNumber(of: spi) ?? 0, at: clock.now)
            if perform(actions, &host) { renewed = true }
        }
        return renewed
    }

    private mutating func open(_ bytes: [UInt8], from source: SocketAddress) -> LeaseMessage? {
        guard source == sequencer else {
            malformed += 1
            return nil
        }
        switch (protection, channel) {
        case (.none, _):
            guard let message = LeaseMessage(bytes) else {
                malformed += 1
                return nil
            }
            return message
        case (.sealed, let channel?):
            do throws(LeaseChannel.Fault) { return try channel.open(bytes) } catch {
                sealFaults[error, default: 0] += 1
                return nil
            }
        case (.sealed, nil):
            sealFaults[.otherKey, default: 0] += 1
            return nil
        }
    }

    private mutating func perform(_ actions: [LeaseHolder.Action], _ host: inout Host) -> Bool {
        var renewed = false
        for action in actions {
            switch action {
            case .send(let message):
                let bytes = protection == .none ? message.bytes : channel?.seal(message)
                let sent = bytes.map { (try? socket.send($0, to: sequencer)) ?? false } ?? false
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
        let tally = holders.tally
        let named = [
            "leases": tally.leases, "repeatedRequests": tally.repeatedRequests, "staleMessages": tally.staleMessages,
            "lateLeases": tally.lateLeases, "expiredLeases": tally.expiredLeases, "revocations": tally.revocations,
            "refusals": tally.refusals,
        ]
        var sums = named.mapValues { UInt64($0) }
        sums["malformed"] = malformed + holders.unknownAssociation
        sums["unsent"] = unsent
        for (fault, count) in sealFaults { sums["seal.\(fault.rawValue)"] = count }
        return sums
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

    /// So a restart does not cost a step of numbers.
    mutating func giveBack(_ host: borrowing Host) {
        for entry in entries {
            // Without the SA nobody knows how far it got.
            guard let next = host.nextNumber(of: entry.sequence.spi),
                let unused = entry.sequence.neverUsed(next: next)
            else { continue }
            do { try entry.file.reserve(upTo: unused) } catch { failures += 1 }
        }
    }

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
