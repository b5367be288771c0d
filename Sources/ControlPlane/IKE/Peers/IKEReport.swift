public import Associations

/// How the IKE SAs stand, for status.
public struct IKEReport: Sendable {
    public struct Child: Sendable {
        public var inbound: SPI
        public var outbound: SPI
        public var transform: String
        public var mode: String
        public var isUsed: Bool
        /// By the router's packet path.
        public var receivedPackets: UInt64
        public var receivedBytes: UInt64
        /// By the targets' lifecounts, in both directions.
        public var openedPackets: UInt64
        public var openedBytes: UInt64
        public var sentPackets: UInt64
        public var sentBytes: UInt64
        /// Targets that had not taken it when the barrier's patience was over.
        public var missing: [HolderID]
        /// The target that sends under it alone; nil when all do.
        public var holder: HolderID?
    }

    public struct Session: Sendable {
        public var id: String
        public var connection: String
        public var isInitiator: Bool
        /// `halfOpen`, `established` or `closed`.
        public var state: String
        public var local: String
        public var remote: String
        public var peer: String?
        /// Of its IKE SA, initiator's and responder's; nil before both are known, and when it is closed.
        public var spis: [String]?
        public var children: [Child]
    }

    /// The first of them, see `sessionLimit`.
    public var sessions: [Session] = []
    public var halfOpen = 0
    public var counts: [String: UInt64] = [:]

    /// Sessions that a report names.
    public static let sessionLimit = 200

    public init() {}
}

extension PeerSessions {
    public var halfOpenCount: Int { halfOpen.count }

    /// The first ones by age.
    public var status: [IKEReport.Session] {
        eldest(IKEReport.sessionLimit).map { id in
            let entry = entries[id]!
            return IKEReport.Session(
                id: "\(id)", connection: connections[entry.connection].policy.name, isInitiator: entry.isInitiator,
                state: entry.session.isEstablished ? "established" : entry.session.isClosed ? "closed" : "halfOpen",
                local: "\(entry.path.local)", remote: "\(entry.path.remote)", peer: entry.peer?.words,
                spis: entry.session.spis.map { ["\($0.initiator)", "\($0.responder)"] },
                children: entry.children.values.sorted { $0.installedAt < $1.installedAt }.map(\.status))
        }
    }
}

extension PeerSessions {
    /// In order. Sorting all of them would cost more than all else that is done four times a second.
    private func eldest(_ limit: Int) -> [ID] {
        var eldest: [ID] = []
        for id in entries.keys where eldest.count < limit || id < eldest[limit - 1] {
            // Each is smaller than the one that it displaces, so few get this far.
            if eldest.count == limit { eldest.removeLast() }
            eldest.insert(id, at: eldest.firstIndex { id < $0 } ?? eldest.count)
        }
        return eldest
    }
}

extension PeerSessions.Child {
    fileprivate var status: IKEReport.Child {
        IKEReport.Child(
            inbound: pair.inbound.spi, outbound: pair.outbound.spi, transform: pair.inbound.transform.rawValue,
            mode: "\(pair.inbound.mode)", isUsed: isUsed, receivedPackets: received.packets,
            receivedBytes: received.bytes, openedPackets: opened.packets, openedBytes: opened.bytes,
            sentPackets: usage.outboundPackets, sentBytes: usage.outboundBytes, missing: missing, holder: holder)
    }
}
