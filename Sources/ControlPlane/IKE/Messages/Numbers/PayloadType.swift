/// RFC 7296 §3.2; SKF is RFC 7383's. The words in logs are the RFC's notation.
public struct PayloadType: IANANumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let none = Self(rawValue: 0)
    public static let securityAssociation = Self(rawValue: 33)
    public static let keyExchange = Self(rawValue: 34)
    public static let identificationInitiator = Self(rawValue: 35)
    public static let identificationResponder = Self(rawValue: 36)
    public static let certificate = Self(rawValue: 37)
    public static let certificateRequest = Self(rawValue: 38)
    public static let authentication = Self(rawValue: 39)
    public static let nonce = Self(rawValue: 40)
    public static let notify = Self(rawValue: 41)
    public static let delete = Self(rawValue: 42)
    public static let vendorID = Self(rawValue: 43)
    public static let trafficSelectorInitiator = Self(rawValue: 44)
    public static let trafficSelectorResponder = Self(rawValue: 45)
    public static let encrypted = Self(rawValue: 46)
    public static let configuration = Self(rawValue: 47)
    public static let eap = Self(rawValue: 48)
    public static let encryptedFragment = Self(rawValue: 53)

    public static let names: [PayloadType: String] = [
        .none: "no next payload",
        .securityAssociation: "SA",
        .keyExchange: "KE",
        .identificationInitiator: "IDi",
        .identificationResponder: "IDr",
        .certificate: "CERT",
        .certificateRequest: "CERTREQ",
        .authentication: "AUTH",
        .nonce: "nonce",
        .notify: "N",
        .delete: "D",
        .vendorID: "V",
        .trafficSelectorInitiator: "TSi",
        .trafficSelectorResponder: "TSr",
        .encrypted: "SK",
        .configuration: "CP",
        .eap: "EAP",
        .encryptedFragment: "SKF",
    ]

    /// Whether one chain may hold several. No exchange has a use for a second one of the others.
    public var mayRepeat: Bool {
        switch self {
        case .certificate, .certificateRequest, .notify, .delete, .vendorID: true
        default: !isKnown
        }
    }

    /// Whether `IKEPayload` understands its body; the critical bit counts only where this is false (RFC 7296 §2.5).
    public var isKnown: Bool { self != .none && Self.names[self] != nil }
}
