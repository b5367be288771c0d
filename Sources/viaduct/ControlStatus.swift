import Associations
import ControlPlane

/// The control plane's part of a router's status file.
struct ControlStatus: Encodable {
    struct Target: Encodable {
        var name: String
        /// serving, draining, quiesced or lost.
        var state: String
        var weight: Int
        /// Why it has not its full share.
        var why: [String]
        var heardMillisecondsAgo: UInt64?
        var isInService: Bool
        var waiting: UInt64
        var exceptions: [String]
    }

    struct Shadow: Encodable {
        var spi: String
        var direction: String
        var targets: [String: String]
    }

    struct Coupling: Encodable {
        var place: String
        /// nil while another owns the addresses, or nobody could be asked.
        var epoch: UInt32?
        var isOwner: Bool
        var isConnected: Bool
        var isLeaseHeld: Bool
        var queued: Int
        var oldestWaitingMilliseconds: UInt64
        var transactions: UInt64
        var trouble: String?
    }

    var epoch: UInt32
    var coupling: Coupling?
    var link: [String: UInt64]
    var targets: [Target]
    var shadows: [Shadow]

    init(_ report: RouterControlReport) {
        epoch = report.epoch.rawValue
        coupling = report.coupling.map {
            Coupling(
                place: $0.place, epoch: $0.epoch?.rawValue, isOwner: $0.epoch != nil && !$0.isFenced,
                isConnected: $0.isConnected, isLeaseHeld: $0.isLeaseHeld, queued: $0.queued,
                oldestWaitingMilliseconds: $0.oldestWaiting, transactions: $0.transactions,
                trouble: report.couplingTrouble)
        }
        link = report.link
        targets = report.targets.map {
            Target(
                name: $0.health.target, state: "\($0.health.standing.state)", weight: Int($0.health.standing.weight),
                why: $0.health.reasons, heardMillisecondsAgo: $0.health.heardMillisecondsAgo,
                isInService: $0.isInService, waiting: $0.waiting, exceptions: $0.exceptions)
        }
        shadows = report.shadows.map {
            Shadow(spi: "\($0.key.spi)", direction: "\($0.key.direction)", targets: $0.states)
        }
    }
}

/// The link's part of a target's.
struct LinkStatus: Encodable {
    var isLinked: Bool
    var epoch: UInt32
    var held: Int
    var counts: [String: UInt64]
    var refusal: String?

    init(_ report: TargetControl.Report) {
        isLinked = report.isLinked
        epoch = report.epoch.rawValue
        held = report.held
        counts = report.counts
        refusal = report.refusal.map { "\($0)" }
    }
}
