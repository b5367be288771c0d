/// Why a connection was refused or ended, by name: each is counted (docs/link.md).
public enum LinkFault: String, Error, Sendable, Hashable, CaseIterable {
    /// As many connections are open as there may be.
    case tooManyConnections
    /// It did not say who it is in time.
    case silent
    /// What came was no TLS.
    case notTLS
    /// TLS found no common ground, or the connection ended before it had.
    case handshakeFailed
    /// The member showed no certificate.
    case noCertificate
    /// The certificate does not come from the cluster's authority, or is not for this use.
    case foreignAuthority
    /// The certificate's time is over, or has not begun.
    case certificateExpired
    /// The certificate's name is not one that is expected.
    case notAMember
    /// The name in `hello` is not the one in the certificate.
    case nameDiffers
    /// What came through TLS was no HTTP/2, or no call of ours.
    case protocolFault
    /// The first message was no `hello`, or a later one was.
    case helloMisplaced
    /// A field has a value that it cannot have, or a message is longer than messages are.
    case unreadable
    /// What is wrapped does not open under the cluster's key.
    case foreignKey
}

extension LinkFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooManyConnections: "too many connections"
        case .silent: "it did not say who it is in time"
        case .notTLS: "this is not TLS"
        case .handshakeFailed: "TLS failed"
        case .noCertificate: "it showed no certificate"
        case .foreignAuthority: "its certificate does not come from this cluster's authority"
        case .certificateExpired: "its certificate is not valid at this time"
        case .notAMember: "its certificate has the name of nobody expected here"
        case .nameDiffers: "it calls itself by another name than its certificate does"
        case .protocolFault: "it does not speak the link's protocol"
        case .helloMisplaced: "its hello was missing, or came twice"
        case .unreadable: "a message of it cannot be read"
        case .foreignKey: "what it wrapped does not open under this cluster's key"
        }
    }
}

/// Why a connection that was there is not there any more.
public enum LinkEnd: Sendable, Hashable, CustomStringConvertible {
    /// The other side ended it, or the network did.
    case lost(String)
    case fault(LinkFault, String)
    /// The same member has a newer one.
    case replaced
    /// By `close` or `stop` here.
    case closed

    public var description: String {
        switch self {
        case .lost(let why): "lost: \(why)"
        case .fault(let fault, let detail): detail.isEmpty ? "\(fault)" : "\(fault) (\(detail))"
        case .replaced: "replaced by a newer connection"
        case .closed: "closed"
        }
    }
}

/// What one end of the link has seen since it was started. Only grows.
public struct LinkReport: Sendable, Equatable {
    /// Connections that were joined.
    public var joined: UInt64 = 0
    public var replaced: UInt64 = 0
    public var messagesIn: UInt64 = 0
    public var messagesOut: UInt64 = 0
    /// Messages of kinds that this build does not know, passed over.
    public var passedOver: UInt64 = 0
    /// `send` that returned false for want of room.
    public var full: UInt64 = 0
    /// Names of `LinkFault`.
    public var faults: [LinkFault: UInt64] = [:]

    public init() {}

    /// In a fixed order, for status and metrics; faults that never came are left out.
    public var counts: [(name: String, count: UInt64)] {
        [
            ("joined", joined), ("replaced", replaced), ("messagesIn", messagesIn), ("messagesOut", messagesOut),
            ("passedOver", passedOver), ("full", full),
        ] + LinkFault.allCases.compactMap { fault in faults[fault].map { (fault.rawValue, $0) } }
    }
}
