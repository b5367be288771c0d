/// RFC 7296 §3.3.2; RFC 9370 §2.2.2 for the additional key exchanges.
public struct TransformType: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let encryption = Self(rawValue: 1)
    public static let pseudorandomFunction = Self(rawValue: 2)
    public static let integrity = Self(rawValue: 3)
    public static let keyExchange = Self(rawValue: 4)
    public static let sequenceNumbers = Self(rawValue: 5)
    public static let additionalKeyExchange1 = Self(rawValue: 6)
    public static let additionalKeyExchange2 = Self(rawValue: 7)
    public static let additionalKeyExchange3 = Self(rawValue: 8)
    public static let additionalKeyExchange4 = Self(rawValue: 9)
    public static let additionalKeyExchange5 = Self(rawValue: 10)
    public static let additionalKeyExchange6 = Self(rawValue: 11)
    public static let additionalKeyExchange7 = Self(rawValue: 12)

    public static let names: [TransformType: String] = [
        .encryption: "ENCR",
        .pseudorandomFunction: "PRF",
        .integrity: "INTEG",
        .keyExchange: "KE",
        .sequenceNumbers: "ESN",
        .additionalKeyExchange1: "ADDKE1",
        .additionalKeyExchange2: "ADDKE2",
        .additionalKeyExchange3: "ADDKE3",
        .additionalKeyExchange4: "ADDKE4",
        .additionalKeyExchange5: "ADDKE5",
        .additionalKeyExchange6: "ADDKE6",
        .additionalKeyExchange7: "ADDKE7",
    ]

    /// ADDKE1 ... ADDKE7.
    public static let additionalKeyExchanges = (6...12).map { TransformType(rawValue: UInt8($0)) }

    public var isAdditionalKeyExchange: Bool { (6...12).contains(rawValue) }

    /// Whether its transform IDs are those of `KeyExchangeID`.
    public var isKeyExchange: Bool { self == .keyExchange || isAdditionalKeyExchange }
}
