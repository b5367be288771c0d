internal import Wire

/// What the fragments of one datagram have in common (RFC 791 §2.3, RFC 8200 §4.5).
struct DatagramKey: BitwiseCopyable, Equatable {
    var source: IPAddress
    var destination: IPAddress
    /// 16 bits in IPv4, 32 in IPv6.
    var identification: UInt32
    /// In IPv6 the next header of the fragment header.
    var ipProtocol: UInt8

    static let none = DatagramKey(
        source: IPAddress(high: 0, low: 0), destination: IPAddress(high: 0, low: 0), identification: 0, ipProtocol: 0)
}
