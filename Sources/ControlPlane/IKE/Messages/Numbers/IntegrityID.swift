/// Transform type 3, integrity algorithms (RFC 7296 §3.3.2, RFC 4868).
public struct IntegrityID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let none = Self(rawValue: 0)
    public static let hmacMD5 = Self(rawValue: 1)
    public static let hmacSHA1 = Self(rawValue: 2)
    public static let aesXCBC = Self(rawValue: 5)
    public static let aesCMAC = Self(rawValue: 8)
    public static let aes128GMAC = Self(rawValue: 9)
    public static let aes192GMAC = Self(rawValue: 10)
    public static let aes256GMAC = Self(rawValue: 11)
    public static let hmacSHA256 = Self(rawValue: 12)
    public static let hmacSHA384 = Self(rawValue: 13)
    public static let hmacSHA512 = Self(rawValue: 14)

    public static let names: [IntegrityID: String] = [
        .none: "NONE",
        .hmacMD5: "AUTH_HMAC_MD5_96",
        .hmacSHA1: "AUTH_HMAC_SHA1_96",
        .aesXCBC: "AUTH_AES_XCBC_96",
        .aesCMAC: "AUTH_AES_CMAC_96",
        .aes128GMAC: "AUTH_AES_128_GMAC",
        .aes192GMAC: "AUTH_AES_192_GMAC",
        .aes256GMAC: "AUTH_AES_256_GMAC",
        .hmacSHA256: "AUTH_HMAC_SHA2_256_128",
        .hmacSHA384: "AUTH_HMAC_SHA2_384_192",
        .hmacSHA512: "AUTH_HMAC_SHA2_512_256",
    ]
}
