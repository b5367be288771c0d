/// Big-endian integers in bytes (network byte order, RFC 1700), checked against the span's bounds.
///
/// The loads are `unsafe` by name in the standard library only because they could build a value of any type;
/// of a fixed-width integer every bit pattern is a value, and the bounds are still checked.
extension RawSpan {
    /// Traps when `offset` lies outside the span.
    @inlinable @inline(__always)
    public func byte(at offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Traps when the two bytes at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public func bigEndian16(at offset: Int) -> UInt16 {
        unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// Traps when the four bytes at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public func bigEndian32(at offset: Int) -> UInt32 {
        unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Traps when the eight bytes at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public func bigEndian64(at offset: Int) -> UInt64 {
        unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension MutableRawSpan {
    /// Traps when `offset` lies outside the span.
    @inlinable @inline(__always)
    public mutating func store(_ value: UInt8, at offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    /// Traps when the bytes of `value` at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public mutating func storeBigEndian(_ value: UInt16, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    /// Traps when the bytes of `value` at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public mutating func storeBigEndian(_ value: UInt32, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    /// Traps when the bytes of `value` at `offset` do not lie inside the span.
    @inlinable @inline(__always)
    public mutating func storeBigEndian(_ value: UInt64, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
    }
}
