/// RFC 7296 §3.3.1.
public struct ProtocolID: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let none = Self(rawValue: 0)
    public static let ike = Self(rawValue: 1)
    public static let ah = Self(rawValue: 2)
    public static let esp = Self(rawValue: 3)

    public static let names: [ProtocolID: String] = [
        .none: "none",
        .ike: "IKE",
        .ah: "AH",
        .esp: "ESP",
    ]
}
