/// RFC 7296 §3.1; IKE_INTERMEDIATE is RFC 9242's, IKE_FOLLOWUP_KE RFC 9370's.
public struct ExchangeType: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let ikeSAInit = Self(rawValue: 34)
    public static let ikeAuth = Self(rawValue: 35)
    public static let createChildSA = Self(rawValue: 36)
    public static let informational = Self(rawValue: 37)
    public static let ikeSessionResume = Self(rawValue: 38)
    public static let ikeIntermediate = Self(rawValue: 43)
    public static let ikeFollowupKE = Self(rawValue: 44)

    public static let names: [ExchangeType: String] = [
        .ikeSAInit: "IKE_SA_INIT",
        .ikeAuth: "IKE_AUTH",
        .createChildSA: "CREATE_CHILD_SA",
        .informational: "INFORMATIONAL",
        .ikeSessionResume: "IKE_SESSION_RESUME",
        .ikeIntermediate: "IKE_INTERMEDIATE",
        .ikeFollowupKE: "IKE_FOLLOWUP_KE",
    ]
}
