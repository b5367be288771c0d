internal import Wire

/// An IPv4 header (RFC 791 §3.1). Integers are big-endian on the wire.
struct IPv4Header {
    static let minimumByteCount = 20
    enum Offset {
        static let versionAndLength = 0, totalLength = 2, identification = 4, fragment = 6
        static let ipProtocol = 9, checksum = 10, source = 12, destination = 16
    }

    /// Version in the upper four bits, header length in 32-bit words in the lower four.
    var versionAndLength: UInt8
    /// Bytes of header and payload, as the header says.
    var totalByteCount: Int
    /// Flags and offset: reserved, DF, MF, 13 bits of offset in 8-byte units.
    var fragment: UInt16
    var ipProtocol: UInt8
    var source: IPAddress
    var destination: IPAddress

    /// nil when fewer than 20 bytes follow `offset`. Nothing else is checked here.
    @inline(__always)
    init?(reading bytes: RawSpan, at offset: Int = 0) {
        guard bytes.byteCount &- offset >= Self.minimumByteCount else { return nil }
        versionAndLength = bytes.byte(at: offset + Offset.versionAndLength)
        totalByteCount = Int(bytes.bigEndian16(at: offset + Offset.totalLength))
        fragment = bytes.bigEndian16(at: offset + Offset.fragment)
        ipProtocol = bytes.byte(at: offset + Offset.ipProtocol)
        source = IPAddress(v4: bytes.bigEndian32(at: offset + Offset.source))
        destination = IPAddress(v4: bytes.bigEndian32(at: offset + Offset.destination))
    }

    var version: UInt8 { versionAndLength >> 4 }
    /// Bytes of the header, options included: 0 to 60.
    var byteCount: Int { Int(versionAndLength & 15) * 4 }
    /// Version 4 and no options: what nearly every packet is.
    var isPlain: Bool { versionAndLength == 0x45 }
    /// More fragments follow, or this is not the first.
    var isFragment: Bool { fragment & 0x3FFF != 0 }
    var isLaterFragment: Bool { fragment & 0x1FFF != 0 }
}

/// IANA protocol numbers that we meet, IPv6's extension headers among them.
enum IPProtocol {
    static let hopByHop: UInt8 = 0
    static let icmp: UInt8 = 1
    static let icmpv6: UInt8 = 58
    static let ipv4: UInt8 = 4
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17
    static let ipv6: UInt8 = 41
    static let routing: UInt8 = 43
    static let ipv6Fragment: UInt8 = 44
    static let gre: UInt8 = 47
    static let esp: UInt8 = 50
    /// No next header: a dummy packet in ESP (RFC 4303 §2.6).
    static let noNextHeader: UInt8 = 59
    static let destinationOptions: UInt8 = 60
    static let dccp: UInt8 = 33
    static let sctp: UInt8 = 132
    static let udpLite: UInt8 = 136

    /// Bytes of the fixed header of a protocol, TCP aside, that begins with its ports; 0 of one without ports.
    static func portsByteCount(_ ipProtocol: UInt8) -> Int {
        switch ipProtocol {
        case udp, udpLite: 8
        case dccp, sctp: 12
        case tcp: TCPHeader.minimumByteCount
        default: 0
        }
    }
}
