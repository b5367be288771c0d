internal import Wire

/// What stands before each packet that a TUN device and its host exchange: `struct virtio_net_hdr` of virtio 1.2 §5.1.6,
/// without num_buffers. It tells what is left to do for the packet: a checksum, cutting it into segments. Integers are in the
/// machine's own byte order.
struct VirtualNetHeader: BitwiseCopyable, Equatable {
    static let byteCount = 10
    enum Flag { static let needsChecksum: UInt8 = 1 }
    enum Segmentation { static let none: UInt8 = 0, tcpv4: UInt8 = 1, tcpv6: UInt8 = 4, ecn: UInt8 = 0x80 }

    var flags: UInt8 = 0
    var segmentation: UInt8 = Segmentation.none
    /// Bytes of the headers that every segment gets; a hint.
    var headerByteCount: UInt16 = 0
    /// Bytes of payload in every segment but the last.
    var segmentByteCount: UInt16 = 0
    /// From there to the packet's end goes the checksum, and `checksumOffset` behind it the result is put. What stands there
    /// before is the pseudo-header's sum.
    var checksumStart: UInt16 = 0
    var checksumOffset: UInt16 = 0

    init() {}

    /// nil when there are fewer than 10 bytes.
    init?(reading bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        func word(_ at: Int) -> UInt16 { bytes.bigEndian16(at: at).bigEndian }
        flags = bytes.byte(at: 0)
        segmentation = bytes.byte(at: 1)
        headerByteCount = word(2)
        segmentByteCount = word(4)
        checksumStart = word(6)
        checksumOffset = word(8)
    }

    /// Traps when the span has fewer than 10 bytes.
    func write(to bytes: inout MutableRawSpan) {
        bytes.store(flags, at: 0)
        bytes.store(segmentation, at: 1)
        bytes.storeBytes(of: headerByteCount, toByteOffset: 2, as: UInt16.self)
        bytes.storeBytes(of: segmentByteCount, toByteOffset: 4, as: UInt16.self)
        bytes.storeBytes(of: checksumStart, toByteOffset: 6, as: UInt16.self)
        bytes.storeBytes(of: checksumOffset, toByteOffset: 8, as: UInt16.self)
    }

    var needsChecksum: Bool { flags & Flag.needsChecksum != 0 }
    /// TCP in several segments, whichever IP it is in.
    var isTCP: Bool {
        let kind = segmentation & ~Segmentation.ecn
        return kind == Segmentation.tcpv4 || kind == Segmentation.tcpv6
    }
}
