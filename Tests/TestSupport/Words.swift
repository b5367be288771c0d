import Associations
import Wire

// Packets built in words: every function gives the bytes of one layer around those of the next, right in every field
// unless told otherwise.

public typealias Bytes = [UInt8]

public func bigEndian(_ value: UInt16) -> Bytes { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
public func bigEndian(_ value: UInt32) -> Bytes {
    bigEndian(UInt16(value >> 16)) + bigEndian(UInt16(truncatingIfNeeded: value))
}
public func bigEndian(_ value: UInt64) -> Bytes {
    bigEndian(UInt32(value >> 32)) + bigEndian(UInt32(truncatingIfNeeded: value))
}

/// RFC 1071, written once more and slowly, so that the checksum under test is not its own judge.
public func internetChecksum(_ bytes: Bytes) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
        sum += UInt32(bytes[index]) << 8 | UInt32(index + 1 < bytes.count ? bytes[index + 1] : 0)
        sum = (sum & 0xFFFF) + (sum >> 16)
    }
    return ~UInt16(sum)
}

public func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { fatalError("\(text) is no address") }
    return address
}

/// An Ethernet frame; `tags` are 802.1Q or 802.1ad tags as (type, control).
public func ethernet(_ payload: Bytes, type: UInt16 = 0x0800, tags: [(UInt16, UInt16)] = []) -> Bytes {
    let addresses: Bytes = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
    return addresses + tags.flatMap { bigEndian($0.0) + bigEndian($0.1) } + bigEndian(type) + payload
}

public struct IPv4Fault: Sendable {
    public var version: UInt8?
    /// In 32-bit words.
    public var headerLength: UInt8?
    public var totalLength: Int?
    public var checksumIsWrong = false
    public init(
        version: UInt8? = nil, headerLength: UInt8? = nil, totalLength: Int? = nil, checksumIsWrong: Bool = false
    ) {
        self.version = version
        self.headerLength = headerLength
        self.totalLength = totalLength
        self.checksumIsWrong = checksumIsWrong
    }
}

public func ipv4(
    from source: String, to destination: String, protocol ipProtocol: UInt8, _ payload: Bytes, options: Bytes = [],
    fragment: UInt16 = 0x4000, trafficClass: UInt8 = 0, fault: IPv4Fault = IPv4Fault()
) -> Bytes {
    precondition(options.count % 4 == 0)
    let words = UInt8(5 + options.count / 4)
    var header: Bytes = [(fault.version ?? 4) << 4 | (fault.headerLength ?? words), trafficClass]
    header += bigEndian(UInt16(fault.totalLength ?? 20 + options.count + payload.count))
    header += [0, 0] + bigEndian(fragment) + [64, ipProtocol, 0, 0]
    header += bigEndian(address(source).v4) + bigEndian(address(destination).v4) + options
    let checksum = internetChecksum(header) ^ (fault.checksumIsWrong ? 0x0100 : 0)
    header.replaceSubrange(10..<12, with: bigEndian(checksum))
    return header + payload
}

public enum TCPFlags {
    public static let fin: UInt8 = 1
    public static let syn: UInt8 = 2
    public static let rst: UInt8 = 4
    public static let ack: UInt8 = 16
}

/// A TCP segment; its checksum is left 0, which nobody on the way looks at.
public func tcp(_ sourcePort: UInt16, _ destinationPort: UInt16, flags: UInt8 = TCPFlags.ack, _ payload: Bytes = [])
    -> Bytes
{
    bigEndian(sourcePort) + bigEndian(destinationPort) + bigEndian(UInt32(1)) + bigEndian(UInt32(1))
        + [0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0] + payload
}

public func udp(_ sourcePort: UInt16, _ destinationPort: UInt16, _ payload: Bytes = []) -> Bytes {
    bigEndian(sourcePort) + bigEndian(destinationPort) + bigEndian(UInt16(8 + payload.count)) + [0, 0] + payload
}

/// An ICMP message; `payload` follows its eight bytes.
public func icmp(_ type: UInt8, _ code: UInt8 = 0, _ payload: Bytes = [], rest: UInt32 = 0) -> Bytes {
    let message: Bytes = [type, code, 0, 0] + bigEndian(rest) + payload
    return message[..<2] + bigEndian(internetChecksum(message)) + message[4...]
}

public func gre(key: UInt32, type: UInt16 = 0x0800, flags: UInt16 = 0x2000, _ payload: Bytes) -> Bytes {
    bigEndian(flags) + bigEndian(type) + (flags & 0x2000 != 0 ? bigEndian(key) : []) + payload
}
