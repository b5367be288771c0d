public import Associations
public import Wire

/// The whole cluster as one file describes it (docs/configuration.md). What the reader returns has passed every rule
/// of that page.
public struct ClusterConfiguration: Sendable {
    /// As it was given to the reader; for messages.
    public var file: String
    /// 1 to 63 letters, digits, points, hyphens or underscores: it separates clusters that share a coupling facility.
    public var name: String
    public var epoch: Epoch
    /// Who authenticates what the router steers (docs/verification.md).
    public var verification: VerificationPolicy
    /// Absolute path; nil when the file names none, which replay does not mind and `requireRunnable` may.
    public var stateDirectory: String?
    public var leases: LeaseSettings
    public var health: HealthSettings
    /// Of routers.
    public var limits: LimitSettings
    /// nil when only manual SAs are used, and the targets need nothing from the router but numbers.
    public var link: LinkSettings?
    /// In the order of the file.
    public var nodes: [Node]
    /// Tunnel endpoints of the cluster.
    public var gateways: [IPAddress]
    public var dvipas: [IPAddress]
    /// In the order of the file; each has a name and at least one target.
    public var services: [Service]
    /// nil where nothing is filtered.
    public var filters: FilterSettings?
    /// Manual SAs.
    public var securityAssociations: [ConfiguredAssociation]
    /// 32 bytes that wrap the keys of SAs wherever they leave a process; there when `ike` or `link` is, but for an endpoint.
    public var clusterKey: SecretBytes?
    /// Keys before it, which still unwrap.
    public var formerClusterKeys: [SecretBytes] = []
    /// Where the cluster's owner writes down what must outlive it; nil without a `stateDirectory` and a section of its own.
    public var coupling: CouplingSettings?
    /// nil when only manual SAs are used.
    public var ike: IKESettings?
    /// What is allowed and still deserves a word to whoever runs this: one sentence each.
    public var warnings: [String] = []

    /// Of the key `nodes`: where a message about a node that is not there points to.
    let nodesPlace: Place
    /// Whether keys stand in the file itself.
    let holdsSecrets: Bool
}

/// Who authenticates what the router steers.
public enum VerificationPolicy: String, Sendable, Hashable {
    /// The router, before anything changes on a packet's account; and each target what it gets.
    case router
    /// The targets alone. The router reads, and knows what they report.
    case target
}

/// How sequence numbers of shared SAs are handed out.
public struct LeaseSettings: Sendable, Hashable {
    /// UDP port on the trusted link.
    public var port: UInt16
    /// 1 to 1000.
    public var validityMilliseconds: Int

    public init(port: UInt16 = 4510, validityMilliseconds: Int = 10) {
        self.port = port
        self.validityMilliseconds = validityMilliseconds
    }
}

/// A manual SA, as the cluster sees it.
public struct ConfiguredAssociation: Sendable {
    public var association: SecurityAssociation
    /// The node of role endpoint at its other end; nil when that is a host this file does not describe.
    public var endpoint: String?

    let place: Place
}
