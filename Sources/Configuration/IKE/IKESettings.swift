public import Wire

/// What the router answers and starts by IKE (RFC 7296).
public struct IKESettings: Sendable {
    /// Where IKE messages are received, ports 500 and 4500; at least one, each a gateway or a DVIPA.
    public var listen: [IPAddress]
    /// Half-open IKE SAs from which on an initiator must return a cookie (RFC 7296 §2.6); 0: always.
    public var cookieThreshold: Int
    /// Half-open IKE SAs, of all peers; at least 1.
    public var maximumHalfOpen: Int
    /// Half-open IKE SAs of one source address; at least 1.
    public var maximumHalfOpenPerAddress: Int
    /// In the order of the file, which is that of preference; at least one, but none when the file was loaded for a
    /// target or an endpoint.
    public var connections: [IKEConnection]
}
