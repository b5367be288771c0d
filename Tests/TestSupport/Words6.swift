import Wire

// IPv6 in words, as `Words.swift` has IPv4.

public func wireBytes(_ text: String) -> Bytes {
    let address = address(text)
    return bigEndian(address.high) + bigEndian(address.low)
}

/// One extension header (RFC 8200 §4): its number, and its bytes behind the next header.
public struct Extension: Sendable {
    public var number: UInt8
    public var rest: Bytes

    public init(_ number: UInt8, _ rest: Bytes) {
        precondition((rest.count + 1) % 8 == 0)
        self.number = number
        self.rest = rest
    }

    /// Hop-by-hop or destination options of `byteCount` bytes, all padding.
    public static func options(_ number: UInt8 = 60, byteCount: Int = 8) -> Extension {
        // PadN: what is behind it is padding, too.
        Extension(
            number,
            [UInt8(byteCount / 8 - 1), 1, UInt8(min(byteCount - 4, 4))] + Bytes(repeating: 0, count: byteCount - 4))
    }

    public static func routing(segmentsLeft: UInt8) -> Extension { Extension(43, [0, 2, segmentsLeft, 0, 0, 0, 0]) }

    /// `offset` in units of eight bytes; an atomic fragment without one and without more (RFC 6946).
    public static func fragment(offset: UInt16 = 0, more: Bool = false) -> Extension {
        Extension(44, [0] + bigEndian(offset << 3 | (more ? 1 : 0)) + [0, 0, 0, 7])
    }
}

/// The extension headers in front of `payload`, whose number is `next`; and the number of the first of all.
public func chained(_ extensions: [Extension], _ next: UInt8, _ payload: Bytes) -> (first: UInt8, bytes: Bytes) {
    var (first, bytes) = (next, payload)
    for header in extensions.reversed() {
        bytes = [first] + header.rest + bytes
        first = header.number
    }
    return (first, bytes)
}

public func ipv6(
    from source: String, to destination: String, next: UInt8, _ payload: Bytes, extensions: [Extension] = [],
    trafficClass: UInt8 = 0, version: UInt8 = 6, payloadLength: Int? = nil
) -> Bytes {
    let (first, bytes) = chained(extensions, next, payload)
    return bigEndian(UInt32(version) << 28 | UInt32(trafficClass) << 20)
        + bigEndian(UInt16(payloadLength ?? bytes.count)) + [first, 64] + wireBytes(source) + wireBytes(destination)
        + bytes
}

/// A UDP datagram with its checksum over IPv6 (RFC 8200 §8.1), or another one.
public func udp6(
    from source: String, to destination: String, _ sourcePort: UInt16, _ destinationPort: UInt16, _ payload: Bytes,
    checksum: UInt16? = nil
) -> Bytes {
    var datagram = udp(sourcePort, destinationPort, payload)
    let pseudo = wireBytes(source) + wireBytes(destination) + bigEndian(UInt32(datagram.count)) + [0, 0, 0, 17]
    datagram.replaceSubrange(6..<8, with: bigEndian(checksum ?? internetChecksum(pseudo + datagram)))
    return datagram
}
