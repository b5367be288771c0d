internal import Wire

/// A UDP header (RFC 768). Integers are big-endian on the wire.
struct UDPHeader {
    static let byteCount = 8
    enum Offset { static let sourcePort = 0, destinationPort = 2, length = 4, checksum = 6 }

    /// ESP in UDP and IKE share it (RFC 3948 §2.1, RFC 7296 §2.23).
    static let encapsulationPort: UInt16 = 4500
    /// IKE's mark on the shared port: four zero bytes, where ESP has its SPI (RFC 3948 §2.2).
    static let nonESPMarkerByteCount = 4
    /// The one byte of a NAT keepalive (RFC 3948 §2.3).
    static let keepalive: UInt8 = 0xFF

    var sourcePort: UInt16
    var destinationPort: UInt16
    /// Bytes of header and payload, as the header says.
    var totalByteCount: Int

    /// nil when fewer than 8 bytes follow `offset`.
    init?(reading bytes: RawSpan, at offset: Int) {
        guard bytes.byteCount - offset >= Self.byteCount else { return nil }
        sourcePort = bytes.bigEndian16(at: offset + Offset.sourcePort)
        destinationPort = bytes.bigEndian16(at: offset + Offset.destinationPort)
        totalByteCount = Int(bytes.bigEndian16(at: offset + Offset.length))
    }

    /// Writes a header in front of ESP. The checksum is 0: ESP protects itself (RFC 3948 §2.1).
    /// Traps when fewer than 8 bytes follow `offset`.
    static func write(
        to bytes: inout MutableRawSpan, at offset: Int, sourcePort: UInt16, destinationPort: UInt16, totalByteCount: Int
    ) {
        bytes.storeBigEndian(sourcePort, at: offset + Offset.sourcePort)
        bytes.storeBigEndian(destinationPort, at: offset + Offset.destinationPort)
        bytes.storeBigEndian(UInt16(truncatingIfNeeded: totalByteCount), at: offset + Offset.length)
        bytes.storeBigEndian(UInt16(0), at: offset + Offset.checksum)
    }
}
