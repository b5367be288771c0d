import Associations
import ControlPlane
import FastPath
import Synchronization

/// What a host's loop reports, a few times a second.
struct HostReport: Sendable {
    var verdicts: [String: UInt64] = [:]
    var sequences: [String: UInt64] = [:]
    var rawSocket: [String: UInt64] = [:]
    var tun: [String: UInt64] = [:]
    var shadow: [String: UInt64] = [:]
    var waiting = 0
    /// What the kernel opened; nil where it opens nothing.
    var kernel: [String: UInt64]?
    /// Of the filter's rules in order; nil where nothing is filtered here.
    var filter: [FilterTally]?
}

/// Where a host's loop and the other threads leave each other what they have to say.
final class HostDesk: Sendable {
    struct LeaseKey: Sendable {
        var key: SecretBytes
        var epoch: Epoch
    }

    /// What the packet path has seen since somebody took it.
    struct Seen: Sendable {
        /// Cumulative; the latest of each SA that had traffic.
        var usage: [ShadowEntry.Key: AssociationUsage] = [:]
        var connections: [ConnectionEvent] = []
        var omittedConnections: UInt64 = 0
        var probe: UInt64 = 0
        /// The latest of each SA whose window has moved.
        var verified: [SPI: VerifiedNumbers] = [:]
        /// The latest of each SA whose peer sends from elsewhere.
        var peers: [SPI: PeerSighting] = [:]

        /// Connection events that may wait for the next report.
        static let connectionLimit = 65_536
    }

    private let report = Mutex(HostReport())
    private let isEnding = Atomic(false)
    private let publications = Mutex<[NumberedPublication]>([])
    private let hasPublications = Atomic(false)
    private let leaseKey = Mutex<LeaseKey?>(nil)
    private let seen = Mutex(Seen())
    /// Rounds of the loop: it stands still when the loop does.
    private let rounds = Atomic<UInt64>(0)
    /// Ends the loop's sleep.
    let alarm: Alarm

    init() throws(SystemError) { alarm = try Alarm() }

    // MARK: For the other threads

    func end() {
        isEnding.store(true, ordering: .releasing)
        alarm.ring()
    }

    var latestReport: HostReport { report.withLock { $0 } }
    var roundCount: UInt64 { rounds.load(ordering: .relaxed) }

    func publish(_ new: [NumberedPublication]) {
        publications.withLock { $0 += new }
        hasPublications.store(true, ordering: .releasing)
        alarm.ring()
    }

    func protect(_ key: SecretBytes, in epoch: Epoch) {
        leaseKey.withLock { $0 = LeaseKey(key: key, epoch: epoch) }
        hasPublications.store(true, ordering: .releasing)
        alarm.ring()
    }

    func takeSeen() -> Seen {
        seen.withLock { seen in
            defer {
                (seen.usage, seen.connections, seen.omittedConnections) = ([:], [], 0)
                (seen.verified, seen.peers) = ([:], [:])
            }
            return seen
        }
    }

    // MARK: For the loop

    var shouldEnd: Bool { isEnding.load(ordering: .acquiring) }
    func leave(_ new: HostReport) { report.withLock { $0 = new } }
    func countRound() { rounds.add(1, ordering: .relaxed) }

    /// Nothing nearly always, and then for the price of a load.
    func takePublications() -> (publications: [NumberedPublication], leaseKey: LeaseKey?) {
        guard hasPublications.load(ordering: .acquiring) else { return ([], nil) }
        alarm.clear()
        hasPublications.store(false, ordering: .relaxed)
        let taken = publications.withLock { publications in
            defer { publications = [] }
            return publications
        }
        let key = leaseKey.withLock { key in
            defer { key = nil }
            return key
        }
        return (taken, key)
    }

    func note(
        _ usage: [AssociationUsage], _ connections: [ConnectionEvent], omitted: UInt64, probe: UInt64,
        verified: [VerifiedNumbers] = [], peers: [PeerSighting] = []
    ) {
        seen.withLock { seen in
            for part in usage { seen.usage[ShadowEntry.Key(spi: part.spi, direction: part.direction)] = part }
            let room = Seen.connectionLimit - seen.connections.count
            seen.connections += connections.prefix(room)
            seen.omittedConnections += omitted + UInt64(max(connections.count - room, 0))
            seen.probe = probe
            for part in verified { seen.verified[part.spi] = part }
            for peer in peers { seen.peers[peer.spi] = peer }
        }
    }

    /// An SA is gone, and what was counted of it: another one of the same key begins at 0.
    func forget(_ key: ShadowEntry.Key) {
        seen.withLock {
            $0.usage[key] = nil
            if key.direction == .inbound { $0.verified[key.spi] = nil }
        }
    }
}
