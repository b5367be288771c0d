import Associations
import ControlPlane

/// IKE's part of the status file.
struct IKEStatus: Encodable {
    struct Child: Encodable {
        var inbound: String
        var outbound: String
        var transform: String
        var mode: String
        var isUsed: Bool
        var receivedPackets: UInt64
        var receivedBytes: UInt64
        var openedPackets: UInt64
        var openedBytes: UInt64
        var sentPackets: UInt64
        var sentBytes: UInt64
        /// Targets that do not have it, by their places in the configuration.
        var missing: [Int]
        /// The place of the target that sends under it alone.
        var target: Int?
    }

    struct Session: Encodable {
        var id: String
        var connection: String
        var isInitiator: Bool
        var state: String
        var local: String
        var remote: String
        var peer: String?
        var spis: [String]?
        var children: [Child]
    }

    var sessions: [Session]
    var halfOpen: Int
    var counts: [String: UInt64]

    init(_ report: IKEReport) {
        sessions = report.sessions.map(Session.init)
        halfOpen = report.halfOpen
        counts = report.counts
    }
}

extension IKEStatus.Session {
    init(_ session: IKEReport.Session) {
        self.init(
            id: session.id, connection: session.connection, isInitiator: session.isInitiator, state: session.state,
            local: session.local, remote: session.remote, peer: session.peer,
            spis: session.spis,
            children: session.children.map(IKEStatus.Child.init))
    }
}

extension IKEStatus.Child {
    init(_ child: IKEReport.Child) {
        self.init(
            inbound: "\(child.inbound)", outbound: "\(child.outbound)", transform: child.transform, mode: child.mode,
            isUsed: child.isUsed, receivedPackets: child.receivedPackets, receivedBytes: child.receivedBytes,
            openedPackets: child.openedPackets, openedBytes: child.openedBytes, sentPackets: child.sentPackets,
            sentBytes: child.sentBytes, missing: child.missing.map { Int($0.rawValue) },
            target: child.holder.map { Int($0.rawValue) })
    }
}
