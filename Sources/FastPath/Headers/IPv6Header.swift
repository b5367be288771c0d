internal import Wire

/// An IPv6 header (RFC 8200 §3). Integers are big-endian on the wire.
struct IPv6Header {
    static let byteCount = 40
    enum Offset {
        static let version = 0, payloadLength = 4, nextHeader = 6, hopLimit = 7, source = 8, destination = 24
    }

    var version: UInt8
    /// DSCP and ECN.
    var trafficClass: UInt8
    /// Bytes behind this header, extension headers among them, as it says itself; 0 is a jumbogram's (RFC 2675).
    var payloadByteCount: Int
    /// Of the first header behind this one.
    var nextHeader: UInt8
    var source: IPAddress
    var destination: IPAddress

    /// nil when fewer than 40 bytes follow `offset`. Nothing else is checked here.
    @inline(__always)
    init?(reading bytes: RawSpan, at offset: Int = 0) {
        guard bytes.byteCount &- offset >= Self.byteCount else { return nil }
        let first = bytes.bigEndian32(at: offset + Offset.version)
        version = UInt8(truncatingIfNeeded: first >> 28)
        trafficClass = UInt8(truncatingIfNeeded: first >> 20)
        payloadByteCount = Int(bytes.bigEndian16(at: offset + Offset.payloadLength))
        nextHeader = bytes.byte(at: offset + Offset.nextHeader)
        source = IPAddress(v6: bytes, at: offset + Offset.source)
        destination = IPAddress(v6: bytes, at: offset + Offset.destination)
    }

    /// Bytes of header and payload.
    var totalByteCount: Int { Self.byteCount + payloadByteCount }

    /// An IPv4-mapped address on the wire would pass for the IPv4 address itself, here and in the host's sockets: it is
    /// refused (RFC 4942 §2.2).
    var hasMappedAddress: Bool { source.isV4 || destination.isV4 }
}

extension IPAddress {
    /// The 16 bytes at `offset`. Traps when they are not there.
    @inline(__always)
    init(v6 bytes: RawSpan, at offset: Int) {
        self.init(high: bytes.bigEndian64(at: offset), low: bytes.bigEndian64(at: offset + 8))
    }

    /// Multicast (ff00::/8) or of one link only (fe80::/10), or none (::); none of an IPv4 address.
    var staysOnLink: Bool { high >> 56 == 0xFF || high >> 54 == 0x3FA || (high | low) == 0 }
}

/// What the two versions of IP have in common.
enum IPHeader {
    /// 4 or 6; anything else that stands there. Traps when nothing does.
    @inline(__always)
    static func version(_ bytes: RawSpan, at offset: Int = 0) -> UInt8 { bytes.byte(at: offset) >> 4 }

    /// Source and destination of a header that was judged before: it is there.
    static func addresses(
        at offset: Int, in memory: borrowing FrameMemory
    ) -> (source: IPAddress, destination: IPAddress) {
        if memory.bytes(at: offset, count: 1).byte(at: 0) >> 4 == 6 {
            let header = memory.bytes(at: offset, count: IPv6Header.byteCount)
            return (
                IPAddress(v6: header, at: IPv6Header.Offset.source),
                IPAddress(v6: header, at: IPv6Header.Offset.destination)
            )
        }
        let header = memory.bytes(at: offset, count: IPv4Header.minimumByteCount)
        return (
            IPAddress(v4: header.bigEndian32(at: IPv4Header.Offset.source)),
            IPAddress(v4: header.bigEndian32(at: IPv4Header.Offset.destination))
        )
    }

    /// What ESP in tunnel mode calls a packet that begins with this byte, and GRE.
    static func nextHeader(ofFirst byte: UInt8) -> UInt8 { byte >> 4 == 6 ? IPProtocol.ipv6 : IPProtocol.ipv4 }
    static func etherType(ofFirst byte: UInt8) -> EtherType { byte >> 4 == 6 ? .ipv6 : .ipv4 }
}

extension Packet {
    /// Of one that begins with an IP header.
    func isIPv6(in memory: borrowing FrameMemory) -> Bool { IPHeader.version(memory.bytes(at: start, count: 1)) == 6 }
}
