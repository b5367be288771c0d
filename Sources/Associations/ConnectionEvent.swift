public import Wire

/// What names a connection, seen from the cluster: `local` is the DVIPA.
public struct ConnectionName: Sendable, Hashable {
    public var remote: IPAddress
    public var local: IPAddress
    public var remotePort: UInt16
    public var localPort: UInt16
    /// IANA protocol number.
    public var ipProtocol: UInt8

    public init(remote: IPAddress, local: IPAddress, remotePort: UInt16, localPort: UInt16, ipProtocol: UInt8) {
        self.remote = remote
        self.local = local
        self.remotePort = remotePort
        self.localPort = localPort
        self.ipProtocol = ipProtocol
    }
}

/// What a target saw happen to a connection; it alone sees both directions.
public struct ConnectionEvent: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// The target's TCP has answered the client's SYN. Of other protocols: the target still sends, and the client has
        /// been silent for a while, so that a router sees nothing of the flow.
        case opened
        /// Both FINs were acknowledged, or one side has reset it.
        case closed
    }

    public var connection: ConnectionName
    public var kind: Kind

    public init(_ connection: ConnectionName, _ kind: Kind) {
        self.connection = connection
        self.kind = kind
    }
}
