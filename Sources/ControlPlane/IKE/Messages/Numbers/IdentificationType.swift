/// RFC 7296 §3.5.
public struct IdentificationType: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let ipv4Address = Self(rawValue: 1)
    public static let fqdn = Self(rawValue: 2)
    public static let rfc822Address = Self(rawValue: 3)
    public static let ipv6Address = Self(rawValue: 5)
    public static let derASN1DN = Self(rawValue: 9)
    public static let derASN1GN = Self(rawValue: 10)
    public static let keyID = Self(rawValue: 11)
    public static let null = Self(rawValue: 13)

    public static let names: [IdentificationType: String] = [
        .ipv4Address: "ID_IPV4_ADDR",
        .fqdn: "ID_FQDN",
        .rfc822Address: "ID_RFC822_ADDR",
        .ipv6Address: "ID_IPV6_ADDR",
        .derASN1DN: "ID_DER_ASN1_DN",
        .derASN1GN: "ID_DER_ASN1_GN",
        .keyID: "ID_KEY_ID",
        .null: "ID_NULL",
    ]
}
