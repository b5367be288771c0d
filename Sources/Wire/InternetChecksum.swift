/// The Internet checksum (RFC 1071): the one's complement sum of 16-bit words.
public enum InternetChecksum {
    /// The sum over `bytes`, folded to 16 bits and not complemented; 0xFFFF for a header whose checksum is right.
    /// An odd last byte counts as the high half of a word (RFC 1071 §4.1).
    @inlinable
    public static func sum(_ bytes: RawSpan, from start: Int = 0, count: Int? = nil, initial: UInt16 = 0) -> UInt16 {
        let end = start + (count ?? bytes.byteCount - start)
        var sum = UInt64(initial)
        var offset = start
        while offset + 4 <= end {
            sum += UInt64(bytes.bigEndian32(at: offset))
            offset += 4
        }
        if offset + 2 <= end {
            sum += UInt64(bytes.bigEndian16(at: offset))
            offset += 2
        }
        if offset < end { sum += UInt64(bytes.byte(at: offset)) << 8 }
        return fold(sum)
    }

    /// The sum of an IPv4 header without options, whose 20 bytes start at `offset`. Traps when they do not fit.
    @inlinable @inline(__always)
    public static func sumOfPlainIPv4Header(_ bytes: RawSpan, at offset: Int) -> UInt16 {
        // Five 32-bit words summed as numbers: the one's complement sum does not mind the width (RFC 1071 §2(C)).
        var sum = UInt64(bytes.bigEndian32(at: offset)) &+ UInt64(bytes.bigEndian32(at: offset + 4))
        sum &+= UInt64(bytes.bigEndian32(at: offset + 8)) &+ UInt64(bytes.bigEndian32(at: offset + 12))
        return fold(sum &+ UInt64(bytes.bigEndian32(at: offset + 16)))
    }

    /// Two folded sums as one.
    @inlinable @inline(__always)
    public static func add(_ a: UInt16, _ b: UInt16) -> UInt16 {
        let (sum, carry) = a.addingReportingOverflow(b)
        return sum &+ (carry ? 1 : 0)
    }

    /// Folds a sum of 16- or 32-bit words to 16 bits with end-around carry.
    @inlinable @inline(__always)
    public static func fold(_ sum: UInt64) -> UInt16 {
        var folded = (sum & 0xFFFF_FFFF) &+ (sum >> 32)
        folded = (folded & 0xFFFF) &+ (folded >> 16)
        folded = (folded & 0xFFFF) &+ (folded >> 16)
        return UInt16(truncatingIfNeeded: (folded & 0xFFFF) &+ (folded >> 16))
    }
}
