public import Wire

/// Another gateway, as REDIRECT and REDIRECTED_FROM name one (RFC 5685 §9).
///
/// ```
///  +---------------+---------------+-------------------------------+
///  | GW Ident Type |  GW Ident Len |      New GW Identity ...      |
///  +---------------+---------------+-------------------------------+
///  |                Nonce, in IKE_SA_INIT only ...                 |
///  +---------------------------------------------------------------+
/// ```
public enum Gateway: Sendable, Hashable, CustomStringConvertible {
    case address(IPAddress)
    /// A name to be resolved, 1 to 255 bytes of ASCII.
    case name(String)

    private enum Kind { static let v4: UInt8 = 1, v6: UInt8 = 2, name: UInt8 = 3 }

    /// Traps for a name that is none.
    func data(nonce: [UInt8] = []) -> [UInt8] {
        let (kind, identity): (UInt8, [UInt8]) =
            switch self {
            case .address(let address): (address.isV4 ? Kind.v4 : Kind.v6, address.bytes)
            case .name(let name): (Kind.name, Array(name.utf8))
            }
        precondition(!identity.isEmpty)
        return [kind, UInt8(identity.count)] + identity + nonce
    }

    /// And what stands behind it; nil for what names no gateway.
    static func read(_ data: [UInt8]) -> (gateway: Gateway, nonce: [UInt8])? {
        guard data.count > 2, data.count >= 2 + Int(data[1]) else { return nil }
        let identity = data[2..<2 + Int(data[1])]
        let nonce = Array(data[(2 + Int(data[1]))...])
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        switch (data[0], identity.count) {
        case (Kind.v4, 4): return (.address(IPAddress(v4: UInt32(number(identity)))), nonce)
        case (Kind.v6, 16):
            let address = IPAddress(high: number(identity.prefix(8)), low: number(identity.suffix(8)))
            return address.isV4 ? nil : (.address(address), nonce)
        case (Kind.name, 1...) where identity.allSatisfy({ (0x21...0x7E).contains($0) }):
            return (.name(String(decoding: identity, as: UTF8.self)), nonce)
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .address(let address): "\(address)"
        case .name(let name): name
        }
    }
}

/// Where a gateway sends its clients (RFC 5685).
public struct Redirection: Sendable, Hashable {
    public enum Stage: Sendable, Hashable {
        /// In IKE_SA_INIT: nothing is known of the client, and nothing kept.
        case firstMessage
        /// In IKE_AUTH, when the client is known.
        case authentication
    }
    public var gateway: Gateway
    public var stage: Stage

    public init(to gateway: Gateway, at stage: Stage) {
        self.gateway = gateway
        self.stage = stage
    }
}

/// A client's way from one gateway to another: what its next session starts with.
public struct Redirected: Sendable, Hashable {
    public let from, to: Gateway
    /// How often in a row, this time included.
    public let count: Int
}
