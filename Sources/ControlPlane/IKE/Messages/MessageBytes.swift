extension [UInt8] {
    /// Appends the bytes of `number`, the most significant first.
    mutating func append(bigEndian number: some FixedWidthInteger & UnsignedInteger) {
        var shift = number.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// Fills the 16-bit length at `offset` with the number of bytes from `start` to the end.
    /// Traps when that does not fit: what we send is ours to keep short.
    mutating func storeLength(at offset: Int, countedFrom start: Int) {
        let length = UInt16(count - start)
        self[offset] = UInt8(length >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: length)
    }
}
