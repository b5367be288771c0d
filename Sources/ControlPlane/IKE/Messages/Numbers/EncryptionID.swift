/// Transform type 1, encryption algorithms (RFC 7296 §3.3.2, RFC 5282, RFC 7634, RFC 4543).
public struct EncryptionID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let des = Self(rawValue: 2)
    public static let tripleDES = Self(rawValue: 3)
    public static let null = Self(rawValue: 11)
    public static let aesCBC = Self(rawValue: 12)
    public static let aesCTR = Self(rawValue: 13)
    public static let aesCCM8 = Self(rawValue: 14)
    public static let aesCCM12 = Self(rawValue: 15)
    public static let aesCCM16 = Self(rawValue: 16)
    public static let aesGCM8 = Self(rawValue: 18)
    public static let aesGCM12 = Self(rawValue: 19)
    public static let aesGCM16 = Self(rawValue: 20)
    public static let nullAESGMAC = Self(rawValue: 21)
    public static let camelliaCBC = Self(rawValue: 23)
    public static let camelliaCTR = Self(rawValue: 24)
    public static let chacha20Poly1305 = Self(rawValue: 28)

    public static let names: [EncryptionID: String] = [
        .des: "ENCR_DES",
        .tripleDES: "ENCR_3DES",
        .null: "ENCR_NULL",
        .aesCBC: "ENCR_AES_CBC",
        .aesCTR: "ENCR_AES_CTR",
        .aesCCM8: "ENCR_AES_CCM_8",
        .aesCCM12: "ENCR_AES_CCM_12",
        .aesCCM16: "ENCR_AES_CCM_16",
        .aesGCM8: "ENCR_AES_GCM_8",
        .aesGCM12: "ENCR_AES_GCM_12",
        .aesGCM16: "ENCR_AES_GCM_16",
        .nullAESGMAC: "ENCR_NULL_AUTH_AES_GMAC",
        .camelliaCBC: "ENCR_CAMELLIA_CBC",
        .camelliaCTR: "ENCR_CAMELLIA_CTR",
        .chacha20Poly1305: "ENCR_CHACHA20_POLY1305",
    ]

    /// Combined-mode algorithms protect integrity themselves and go without an integrity transform (RFC 5282 §8).
    public var isCombinedMode: Bool {
        switch self {
        case .aesCCM8, .aesCCM12, .aesCCM16, .aesGCM8, .aesGCM12, .aesGCM16, .nullAESGMAC, .chacha20Poly1305: true
        default: false
        }
    }
}
