/// The pseudorandom function of an IKE SA (RFC 7296 §2.13): HMAC with one of the SHA functions. Its key may have any
/// length; the keys that it makes for itself are as long as its output.
public enum PRF: String, Sendable, Hashable, CaseIterable {
    /// Only for who asks for it by name (RFC 8247 §2.2): `init(transformID:)` does not know it.
    case prfsha1
    case prfsha256, prfsha384, prfsha512

    /// The IANA number of the transform (type 2).
    public var transformID: UInt16 {
        switch self {
        case .prfsha1: 2
        case .prfsha256: 5
        case .prfsha384: 6
        case .prfsha512: 7
        }
    }

    /// nil for a transform that we have not, and for the weak one.
    public init?(transformID: UInt16) {
        guard let found = Self.allCases.first(where: { $0.transformID == transformID }), found != .prfsha1 else {
            return nil
        }
        self = found
    }

    /// Bytes of what it gives, and of SK_d, SK_pi and SK_pr.
    public var byteCount: Int { function.byteCount }

    var function: KeyedHash.Function {
        switch self {
        case .prfsha1: .sha1
        case .prfsha256: .sha256
        case .prfsha384: .sha384
        case .prfsha512: .sha512
        }
    }
}
