/// RFC 7296 §3.8, RFC 4754, RFC 7427, RFC 7619.
public struct AuthenticationMethod: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let rsaSignature = Self(rawValue: 1)
    public static let sharedKey = Self(rawValue: 2)
    public static let dssSignature = Self(rawValue: 3)
    public static let ecdsaP256 = Self(rawValue: 9)
    public static let ecdsaP384 = Self(rawValue: 10)
    public static let ecdsaP521 = Self(rawValue: 11)
    public static let null = Self(rawValue: 13)
    public static let digitalSignature = Self(rawValue: 14)

    public static let names: [AuthenticationMethod: String] = [
        .rsaSignature: "RSA Digital Signature",
        .sharedKey: "Shared Key Message Integrity Code",
        .dssSignature: "DSS Digital Signature",
        .ecdsaP256: "ECDSA with SHA-256 on the P-256 curve",
        .ecdsaP384: "ECDSA with SHA-384 on the P-384 curve",
        .ecdsaP521: "ECDSA with SHA-512 on the P-521 curve",
        .null: "NULL Authentication",
        .digitalSignature: "Digital Signature",
    ]
}
