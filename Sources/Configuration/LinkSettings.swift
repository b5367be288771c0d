/// The XCF link between router and targets (docs/link.md).
public struct LinkSettings: Sendable, Hashable {
    /// TCP port of the router, on the trusted link.
    public var port: UInt16
    /// Absolute path of the directory with ca.pem and the node's own NAME.pem and NAME.key.
    public var credentials: String

    public static let usualPort: UInt16 = 4520
    public static let usualCredentials = "/etc/viaduct/link"

    public init(port: UInt16 = usualPort, credentials: String = usualCredentials) {
        self.port = port
        self.credentials = credentials
    }
}
