/// Where one member of an etcd cluster answers clients.
public struct EtcdEndpoint: Sendable, Hashable, CustomStringConvertible {
    public var isTLS: Bool
    /// A name, or an IP address; of version 6 without brackets.
    public var host: String
    public var port: UInt16

    public init(isTLS: Bool, host: String, port: UInt16) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
    }

    public var description: String {
        "\(isTLS ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}

/// Files in PEM, for endpoints with TLS.
public struct EtcdCredentials: Sendable, Hashable {
    /// Whose certificates etcd may have; nil for the system's.
    public var authority: String?
    /// Ours, the leaf first, and its key; both or none.
    public var certificate: String?
    public var privateKey: String?

    public init(authority: String? = nil, certificate: String? = nil, privateKey: String? = nil) {
        precondition((certificate == nil) == (privateKey == nil))
        self.authority = authority
        self.certificate = certificate
        self.privateKey = privateKey
    }
}
