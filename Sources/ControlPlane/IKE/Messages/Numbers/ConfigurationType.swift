/// RFC 7296 §3.15.
public struct ConfigurationType: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let request = Self(rawValue: 1)
    public static let reply = Self(rawValue: 2)
    public static let set = Self(rawValue: 3)
    public static let acknowledgement = Self(rawValue: 4)

    public static let names: [ConfigurationType: String] = [
        .request: "CFG_REQUEST",
        .reply: "CFG_REPLY",
        .set: "CFG_SET",
        .acknowledgement: "CFG_ACK",
    ]
}
