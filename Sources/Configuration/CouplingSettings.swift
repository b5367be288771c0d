/// The coupling facility (docs/coupling.md).
public struct CouplingSettings: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// In one router's own process, the others reach it over the link: the absolute path of its file, and which router
        /// that is; nil for the first.
        case embedded(path: String, at: String? = nil)
        case etcd(EtcdSettings)
    }

    public var kind: Kind
    /// How long another member waits for an owner that says nothing; 2 to 60.
    public var leaseSeconds: Int

    public init(kind: Kind, leaseSeconds: Int = 5) {
        self.kind = kind
        self.leaseSeconds = leaseSeconds
    }
}

public struct EtcdSettings: Sendable, Hashable {
    public struct Endpoint: Sendable, Hashable {
        public var isTLS: Bool
        /// A name or an IP address.
        public var host: String
        public var port: UInt16
    }

    /// At least one, all with TLS or none.
    public var endpoints: [Endpoint]
    /// Files in PEM; nil for the system's authorities.
    public var authority: String?
    /// Ours for etcd, and its key; both or none.
    public var certificate: String?
    public var privateKey: String?
}
