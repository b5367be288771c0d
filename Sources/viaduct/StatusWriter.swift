import Associations
import Configuration
import ControlPlane
import FastPath
import Foundation
import Synchronization
import Wire

/// Replaces the status file with what a node reports. A reader finds an old file or a new one, never half of one.
final class StatusWriter: Sendable {
    /// Milliseconds between two files.
    static let interval = 500

    private let node: Node
    private let file: String?
    private let verification: VerificationPolicy
    private let started = Date()
    private let lastSteered = Mutex<(packets: UInt64, at: Date)?>(nil)

    init(node: Node, file: String?, verification: VerificationPolicy) {
        self.node = node
        self.file = file
        self.verification = verification
    }

    private struct Status: Encodable {
        struct TargetStatus: Encodable {
            var packets: UInt64
            var bytes: UInt64
            var connections: Int
            var connectionsMade: UInt64
            var neighbour: String?
            /// Packets that the router's relay opened in its place.
            var relayed: UInt64
        }

        /// What the router does for targets that cannot.
        struct Relay: Encodable {
            var verdicts: [String: UInt64]
            var leases: [String: UInt64]
            var rawSocket: [String: UInt64]
            var shadow: [String: UInt64]
            var waitingForNumbers: Int

            init(_ report: HostReport) {
                verdicts = report.verdicts
                leases = report.sequences
                rawSocket = report.rawSocket
                shadow = report.shadow
                waitingForNumbers = report.waiting
            }
        }

        /// One of a router's workers.
        struct WorkerStatus: Encodable {
            /// That it is bound to; missing where there is one worker, which is not bound.
            var processor: Int?
            var packets: UInt64
            /// Frames that it gave to the workers that own their SAs, could not give, and got.
            var handedOver: UInt64
            var handOverQueueFull: UInt64
            var takenOver: UInt64
        }

        struct Rates: Encodable { var packetsPerSecond: Double }

        var node: String
        var role: String
        /// Who authenticates what the router steers.
        var verify: String
        var uptimeSeconds: Double
        var port: String?
        var ciphers: String?
        var verdicts: [String: UInt64] = [:]
        var filter: [FilterStatus]?
        /// Datagrams that came in fragments.
        var fragmented: [String: UInt64]?
        /// Connections that only began, and clients whose affinity is remembered.
        var halfOpen: Int?
        var affinities: Int?
        /// New connections of clients that found no place among those.
        var omittedAffinities: UInt64?
        var targets: [String: TargetStatus]?
        var rates: Rates?
        var leases: [String: UInt64]?
        var relay: Relay?
        var workers: [WorkerStatus]?
        var xdp: [String: UInt64]?
        var rawSocket: [String: UInt64]?
        var tun: [String: UInt64]?
        var waitingForNumbers: Int?
        var shadow: [String: UInt64]?
        var kernel: [String: UInt64]?
        var ike: IKEStatus?
        var control: ControlStatus?
        var link: LinkStatus?
        var troubles: [String] = []
    }

    private var empty: Status {
        Status(
            node: node.name, role: node.role.name, verify: verification.rawValue,
            uptimeSeconds: Date().timeIntervalSince(started))
    }

    func write(
        _ report: RouterReport, sequencer: SequencerService.Report, neighbours: SystemError?,
        control: RouterControlReport?, relay: RelayService?
    ) {
        guard file != nil else { return }
        var status = empty
        status.port = report.portSummary
        status.ciphers = report.cipherName
        status.verdicts = report.verdicts
        status.filter = report.filter.map { $0.map(FilterStatus.init) }
        status.fragmented = report.fragmented
        status.halfOpen = report.halfOpen
        status.affinities = report.affinities
        status.omittedAffinities = report.omittedAffinities
        status.targets = Dictionary(
            uniqueKeysWithValues: report.targets.map {
                (
                    $0.name,
                    Status.TargetStatus(
                        packets: $0.packets, bytes: $0.bytes, connections: $0.connections,
                        connectionsMade: $0.connectionsMade,
                        neighbour: $0.neighbour?.description, relayed: $0.relayed)
                )
            })
        status.workers = report.workers.map {
            Status.WorkerStatus(
                processor: $0.processor, packets: $0.packets, handedOver: $0.handedOver,
                handOverQueueFull: $0.handOverQueueFull, takenOver: $0.takenOver)
        }
        status.rates = rate(report.targets.reduce(0) { $0 + $1.packets })
        status.leases = sums(of: sequencer)
        status.relay = relay?.report.map(Status.Relay.init)
        if let failure = relay?.failure { status.troubles.append("relay: \(failure)") }
        status.xdp = report.portStatistics
        status.troubles = report.refusals
        status.ike = control.map { IKEStatus($0.ike) }
        status.control = control.map(ControlStatus.init)
        if let failure = control?.failure { status.troubles.append("control plane: \(failure)") }
        if let neighbours { status.troubles.append("neighbours: \(neighbours)") }
        if let failure = sequencer.reservationFailure { status.troubles.append("sequence numbers: \(failure)") }
        for spi in sequencer.unreserved.sorted(by: { $0.rawValue < $1.rawValue }).prefix(10) {
            status.troubles.append("sequence numbers of \(spi): the coupling facility has not reserved more")
        }
        if let failure = sequencer.socketFailure { status.troubles.append("lease link: \(failure)") }
        replace(status)
    }

    func write(_ report: HostReport, link: TargetControl.Report?) {
        guard file != nil else { return }
        var status = empty
        status.verdicts = report.verdicts
        status.filter = report.filter.map { $0.map(FilterStatus.init) }
        status.leases = report.sequences
        status.rawSocket = report.rawSocket
        status.tun = report.tun
        status.waitingForNumbers = report.waiting
        status.kernel = report.kernel
        if !report.shadow.isEmpty { status.shadow = report.shadow }
        status.link = link.map(LinkStatus.init)
        replace(status)
    }

    /// Since the last file.
    private func rate(_ packets: UInt64) -> Status.Rates {
        let now = Date()
        return lastSteered.withLock { last in
            defer { last = (packets, now) }
            guard let last, now > last.at, packets >= last.packets else { return Status.Rates(packetsPerSecond: 0) }
            return Status.Rates(packetsPerSecond: Double(packets - last.packets) / now.timeIntervalSince(last.at))
        }
    }

    private func sums(of report: SequencerService.Report) -> [String: UInt64] {
        var sums: [String: UInt64] = [
            "malformed": UInt64(report.malformed), "strange": UInt64(report.strange),
            "unknownAssociation": UInt64(report.unknownAssociation),
            "failedReservations": UInt64(report.failedReservations),
            "staleReservations": UInt64(report.staleReservations), "unprotected": UInt64(report.unprotected),
        ]
        for (fault, count) in report.sealFaults { sums["seal.\(fault.rawValue)"] = UInt64(count) }
        for tally in report.sequencers.values {
            sums["burntNumbers", default: 0] += tally.burntNumbers
            let named = [
                "grants": tally.grants, "repeatedGrants": tally.repeatedGrants, "revocations": tally.revocations,
                "expiredLeases": tally.expiredLeases, "refusals": tally.refusals, "staleMessages": tally.staleMessages,
                "abandonedRequests": tally.abandonedRequests,
            ]
            for (name, count) in named { sums[name, default: 0] += UInt64(count) }
        }
        return sums
    }

    private func replace(_ status: Status) {
        guard let file else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        do {
            try encoder.encode(status).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            Log.warn("\(file): \(error.localizedDescription)")
        }
    }
}
