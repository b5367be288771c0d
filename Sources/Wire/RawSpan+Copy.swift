extension RawSpan {
    /// Writes these bytes into `room` from `place` on. Traps when it is shorter.
    @inlinable
    public func copy(to room: inout MutableRawSpan, at place: Int = 0) {
        var offset = 0
        while offset + 8 <= byteCount {
            room.storeBigEndian(bigEndian64(at: offset), at: place + offset)
            offset += 8
        }
        while offset < byteCount {
            room.store(byte(at: offset), at: place + offset)
            offset += 1
        }
    }
}
