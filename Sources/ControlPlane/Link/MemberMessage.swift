public import Associations

/// What a target says to the router over the XCF link (docs/link.md), in the words of the machines; how it is written is
/// the transport's matter.
public enum MemberMessage: Sendable, Equatable {
    /// The first one on every connection.
    case hello(Hello)
    case report(Report)
    /// It takes itself out of rotation: why, for people.
    case leaving(String)

    public struct Hello: Sendable, Equatable {
        /// Of the link's words, see `LinkVersion`.
        public var version: UInt32
        /// As the configuration names it; the transport has compared it with the certificate.
        public var member: String
        /// Drawn at random when the process starts.
        public var incarnation: UInt64
        /// The newest epoch it has heard of.
        public var epoch: Epoch
        /// SHA-256 of what all members must agree on.
        public var policyHash: [UInt8]
        /// ESP transforms that it can do, by their names in proposals, and `esnWord`.
        public var transforms: [String]

        /// Among the transforms: with each of them it can do extended sequence numbers. Older members do not say it.
        public static let esnWord = "esn"

        /// Of a member of this build.
        public static func words(for transforms: [Associations.Transform]) -> [String] {
            transforms.map(\.rawValue) + [esnWord]
        }

        public init(
            version: UInt32 = LinkVersion.current, member: String, incarnation: UInt64, epoch: Epoch,
            policyHash: [UInt8], transforms: [String]
        ) {
            self.version = version
            self.member = member
            self.incarnation = incarnation
            self.epoch = epoch
            self.policyHash = policyHash
            self.transforms = transforms
        }
    }

    /// Cumulative but for refusals, connections and peers. One for many datagrams.
    public struct Report: Sendable, Equatable {
        /// Every entry up to this number is done.
        public var applied: UInt64 = 0
        public var refusals: [Refusal] = []
        /// Of SAs whose share of the life-size has passed, or that ask for more (docs/lifecounts.md).
        public var usage: [AssociationUsage] = []
        public var connections: [ConnectionEvent] = []
        /// Events that the bound of the report left out; the router ages those connections by itself.
        public var omittedConnections: UInt64 = 0
        public var services: [ServiceReport] = []
        /// The number of the last probe that came through GRE.
        public var probe: UInt64 = 0
        /// The weight it asks for, where targets lead.
        public var weight: UInt16?
        /// Where targets verify, of inbound SAs whose windows have moved (docs/verification.md).
        public var verified: [VerifiedNumbers] = []
        /// Where targets verify: peers behind NATs that send from elsewhere now (docs/nat.md).
        public var peers: [PeerSighting] = []

        public init() {}
    }

    public struct Refusal: Sendable, Equatable {
        public var key: ShadowEntry.Key
        public var reason: ShadowRefusal
        public init(key: ShadowEntry.Key, reason: ShadowRefusal) {
            self.key = key
            self.reason = reason
        }
    }

    /// How a service is on a target.
    public struct ServiceReport: Sendable, Equatable {
        public var service: String
        /// Somebody listens at each of its ports, and within each of its ranges.
        public var isListening: Bool
        /// Connections that wait to be accepted, and how many may wait.
        public var queued: UInt32
        public var backlog: UInt32

        public init(service: String, isListening: Bool, queued: UInt32 = 0, backlog: UInt32 = 0) {
            self.service = service
            self.isListening = isListening
            self.queued = queued
            self.backlog = backlog
        }
    }
}

/// What the router says to a target.
public enum RouterMessage: Sendable {
    /// The answer to `hello`; entries follow.
    case welcome(Welcome)
    /// The answer to `hello` of a member that gets nothing; the connection ends.
    case refusal(LinkRefusal)
    /// Consecutive entries; the first one's number. They begin with `ShadowEntry.begin` on every connection.
    case entries(first: UInt64, [ShadowEntry])

    public struct Welcome: Sendable {
        /// The lower of both.
        public var version: UInt32
        /// Drawn at random when the router's process starts.
        public var incarnation: UInt64
        public var epoch: Epoch
        /// Milliseconds between two reports when nothing happens.
        public var reportInterval: UInt32
        /// 32 bytes; protects the leases of this connection (docs/sequence-leases.md).
        public var leaseKey: SecretBytes

        public init(
            version: UInt32, incarnation: UInt64, epoch: Epoch, reportInterval: UInt32, leaseKey: SecretBytes
        ) {
            self.version = version
            self.incarnation = incarnation
            self.epoch = epoch
            self.reportInterval = reportInterval
            self.leaseKey = leaseKey
        }
    }
}

/// Why a member is not let in.
public enum LinkRefusal: Error, Sendable, Equatable {
    /// Hexadecimal, 64 digits each.
    case policyDiffers(router: String, member: String)
    /// It knows an owner after this one.
    case epochIsOver(router: Epoch, member: Epoch)
    case versionTooOld(oldest: UInt32)
    /// Not a target of this cluster, or its certificate has another name.
    case notAMember(String)
}

public enum LinkVersion {
    public static let current: UInt32 = 1
    public static let oldest: UInt32 = 1
}
