/// Hash algorithms of the SIGNATURE_HASH_ALGORITHMS notification (RFC 7427 §4); identity is RFC 8420's, for Ed25519.
public struct SignatureHashID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let sha1 = Self(rawValue: 1)
    public static let sha256 = Self(rawValue: 2)
    public static let sha384 = Self(rawValue: 3)
    public static let sha512 = Self(rawValue: 4)
    public static let identity = Self(rawValue: 5)

    public static let names: [SignatureHashID: String] = [
        .sha1: "SHA1",
        .sha256: "SHA2-256",
        .sha384: "SHA2-384",
        .sha512: "SHA2-512",
        .identity: "Identity",
    ]
}
