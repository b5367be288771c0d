internal import Wire

/// What steering reads of a TCP header (RFC 9293 §3.1): ports and flags, its first 14 bytes.
struct TCPHeader {
    static let steeringByteCount = 14
    static let minimumByteCount = 20
    enum Offset {
        static let sourcePort = 0, destinationPort = 2, sequence = 4, acknowledgement = 8, dataOffset = 12, flags = 13
        static let window = 14, checksum = 16, urgent = 18
    }
    enum Flag {
        static let fin: UInt8 = 1, syn: UInt8 = 2, rst: UInt8 = 4, psh: UInt8 = 8, ack: UInt8 = 16, cwr: UInt8 = 128
    }

    var sourcePort: UInt16
    var destinationPort: UInt16
    var flags: UInt8
    /// Bytes of the header as it says itself: 0 to 60.
    var byteCount: Int

    /// nil when fewer than 14 bytes follow `offset`.
    @inline(__always)
    init?(reading bytes: RawSpan, at offset: Int) {
        guard bytes.byteCount &- offset >= Self.steeringByteCount else { return nil }
        sourcePort = bytes.bigEndian16(at: offset + Offset.sourcePort)
        destinationPort = bytes.bigEndian16(at: offset + Offset.destinationPort)
        flags = bytes.byte(at: offset + Offset.flags)
        byteCount = Int(bytes.byte(at: offset + Offset.dataOffset) >> 4) * 4
    }
}
