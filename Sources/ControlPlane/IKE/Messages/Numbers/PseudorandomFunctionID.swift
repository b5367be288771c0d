/// Transform type 2, pseudorandom functions (RFC 7296 §3.3.2, RFC 4868).
public struct PseudorandomFunctionID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let hmacMD5 = Self(rawValue: 1)
    public static let hmacSHA1 = Self(rawValue: 2)
    public static let aes128XCBC = Self(rawValue: 4)
    public static let hmacSHA256 = Self(rawValue: 5)
    public static let hmacSHA384 = Self(rawValue: 6)
    public static let hmacSHA512 = Self(rawValue: 7)
    public static let aes128CMAC = Self(rawValue: 8)

    public static let names: [PseudorandomFunctionID: String] = [
        .hmacMD5: "PRF_HMAC_MD5",
        .hmacSHA1: "PRF_HMAC_SHA1",
        .aes128XCBC: "PRF_AES128_XCBC",
        .hmacSHA256: "PRF_HMAC_SHA2_256",
        .hmacSHA384: "PRF_HMAC_SHA2_384",
        .hmacSHA512: "PRF_HMAC_SHA2_512",
        .aes128CMAC: "PRF_AES128_CMAC",
    ]
}
