/// Transform type 4, key exchange methods, formerly Diffie-Hellman groups (RFC 7296 §3.3.2, RFC 5903, RFC 8031, RFC 9370);
/// the additional key exchanges of types 6 to 12 use the same numbers.
public struct KeyExchangeID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let none = Self(rawValue: 0)
    public static let modp768 = Self(rawValue: 1)
    public static let modp1024 = Self(rawValue: 2)
    public static let modp1536 = Self(rawValue: 5)
    public static let modp2048 = Self(rawValue: 14)
    public static let modp3072 = Self(rawValue: 15)
    public static let modp4096 = Self(rawValue: 16)
    public static let modp6144 = Self(rawValue: 17)
    public static let modp8192 = Self(rawValue: 18)
    public static let ecp256 = Self(rawValue: 19)
    public static let ecp384 = Self(rawValue: 20)
    public static let ecp521 = Self(rawValue: 21)
    public static let modp1024s160 = Self(rawValue: 22)
    public static let modp2048s224 = Self(rawValue: 23)
    public static let modp2048s256 = Self(rawValue: 24)
    public static let ecp192 = Self(rawValue: 25)
    public static let ecp224 = Self(rawValue: 26)
    public static let brainpoolP224r1 = Self(rawValue: 27)
    public static let brainpoolP256r1 = Self(rawValue: 28)
    public static let brainpoolP384r1 = Self(rawValue: 29)
    public static let brainpoolP512r1 = Self(rawValue: 30)
    public static let curve25519 = Self(rawValue: 31)
    public static let curve448 = Self(rawValue: 32)
    public static let mlKEM512 = Self(rawValue: 35)
    public static let mlKEM768 = Self(rawValue: 36)
    public static let mlKEM1024 = Self(rawValue: 37)

    public static let names: [KeyExchangeID: String] = [
        .none: "NONE",
        .modp768: "768-bit MODP Group",
        .modp1024: "1024-bit MODP Group",
        .modp1536: "1536-bit MODP Group",
        .modp2048: "2048-bit MODP Group",
        .modp3072: "3072-bit MODP Group",
        .modp4096: "4096-bit MODP Group",
        .modp6144: "6144-bit MODP Group",
        .modp8192: "8192-bit MODP Group",
        .ecp256: "256-bit random ECP group",
        .ecp384: "384-bit random ECP group",
        .ecp521: "521-bit random ECP group",
        .modp1024s160: "1024-bit MODP Group with 160-bit Prime Order Subgroup",
        .modp2048s224: "2048-bit MODP Group with 224-bit Prime Order Subgroup",
        .modp2048s256: "2048-bit MODP Group with 256-bit Prime Order Subgroup",
        .ecp192: "192-bit Random ECP Group",
        .ecp224: "224-bit Random ECP Group",
        .brainpoolP224r1: "brainpoolP224r1",
        .brainpoolP256r1: "brainpoolP256r1",
        .brainpoolP384r1: "brainpoolP384r1",
        .brainpoolP512r1: "brainpoolP512r1",
        .curve25519: "Curve25519",
        .curve448: "Curve448",
        .mlKEM512: "ml-kem-512",
        .mlKEM768: "ml-kem-768",
        .mlKEM1024: "ml-kem-1024",
    ]

    /// Bytes of the key exchange data that the initiator and the responder send; nil for a method unknown here. They
    /// differ only for a KEM: the encapsulation key goes one way, the ciphertext the other (FIPS 203 §8).
    public var dataByteCounts: (initiator: Int, responder: Int)? {
        switch self {
        case .curve25519: (32, 32)
        case .ecp192: (48, 48)
        case .ecp224, .brainpoolP224r1, .curve448: (56, 56)
        case .ecp256, .brainpoolP256r1: (64, 64)
        case .modp768, .ecp384, .brainpoolP384r1: (96, 96)
        case .modp1024, .modp1024s160, .brainpoolP512r1: (128, 128)
        case .ecp521: (132, 132)
        case .modp1536: (192, 192)
        case .modp2048, .modp2048s224, .modp2048s256: (256, 256)
        case .modp3072: (384, 384)
        case .modp4096: (512, 512)
        case .modp6144: (768, 768)
        case .modp8192: (1024, 1024)
        case .mlKEM512: (800, 768)
        case .mlKEM768: (1184, 1088)
        case .mlKEM1024: (1568, 1568)
        default: nil
        }
    }
}
