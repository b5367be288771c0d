/// IANA protocol numbers of what can be a service.
public enum TransportProtocol {
    /// Those that have a name in the configuration; others are written as numbers.
    public static let names: [(name: String, number: UInt8)] = [
        ("tcp", 6), ("udp", 17), ("sctp", 132), ("dccp", 33), ("udplite", 136), ("gre", 47), ("esp", 50), ("ah", 51),
        ("ipip", 4), ("l2tp", 115), ("ospf", 89), ("pim", 103), ("vrrp", 112),
    ]

    /// Source and destination port are the first four bytes of its header: TCP, UDP, DCCP, SCTP, UDP-Lite.
    public static func hasPorts(_ number: UInt8) -> Bool { withPorts.contains(number) }

    /// A protocol's name, or its number in digits.
    public static func name(of number: UInt8) -> String {
        names.first { $0.number == number }?.name ?? String(number)
    }

    private static let withPorts: Set<UInt8> = [6, 17, 33, 132, 136]
}
