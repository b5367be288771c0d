/// RFC 7296 §3.15.1; 15 bits, the reserved bit before them is not part of it.
public struct ConfigurationAttributeType: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let internalIPv4Address = Self(rawValue: 1)
    public static let internalIPv4Netmask = Self(rawValue: 2)
    public static let internalIPv4DNS = Self(rawValue: 3)
    public static let internalIPv4NBNS = Self(rawValue: 4)
    public static let internalIPv4DHCP = Self(rawValue: 6)
    public static let applicationVersion = Self(rawValue: 7)
    public static let internalIPv6Address = Self(rawValue: 8)
    public static let internalIPv6DNS = Self(rawValue: 10)
    public static let internalIPv6DHCP = Self(rawValue: 12)
    public static let internalIPv4Subnet = Self(rawValue: 13)
    public static let supportedAttributes = Self(rawValue: 14)
    public static let internalIPv6Subnet = Self(rawValue: 15)

    public static let names: [ConfigurationAttributeType: String] = [
        .internalIPv4Address: "INTERNAL_IP4_ADDRESS",
        .internalIPv4Netmask: "INTERNAL_IP4_NETMASK",
        .internalIPv4DNS: "INTERNAL_IP4_DNS",
        .internalIPv4NBNS: "INTERNAL_IP4_NBNS",
        .internalIPv4DHCP: "INTERNAL_IP4_DHCP",
        .applicationVersion: "APPLICATION_VERSION",
        .internalIPv6Address: "INTERNAL_IP6_ADDRESS",
        .internalIPv6DNS: "INTERNAL_IP6_DNS",
        .internalIPv6DHCP: "INTERNAL_IP6_DHCP",
        .internalIPv4Subnet: "INTERNAL_IP4_SUBNET",
        .supportedAttributes: "SUPPORTED_ATTRIBUTES",
        .internalIPv6Subnet: "INTERNAL_IP6_SUBNET",
    ]
}
