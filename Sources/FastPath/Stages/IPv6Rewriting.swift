internal import Wire

/// Moving an IPv6 header with its extension headers within a frame, and writing new ones.
enum IPv6Rewriting {
    /// Writes a header. DSCP and ECN are the inner packet's (RFC 4301 §5.1.2.2); a flow label of 0 says nothing of what is
    /// inside.
    static func write(
        at offset: Int, payloadByteCount: Int, trafficClass: UInt8, source: IPAddress, destination: IPAddress,
        nextHeader: UInt8, hopLimit: UInt8 = 64, in memory: borrowing FrameMemory
    ) {
        var header = memory.mutableBytes(at: offset, count: IPv6Header.byteCount)
        header.storeBigEndian(0x6000_0000 | UInt32(trafficClass) << 20, at: IPv6Header.Offset.version)
        header.storeBigEndian(
            UInt16(truncatingIfNeeded: payloadByteCount), at: IPv6Header.Offset.payloadLength)
        header.store(nextHeader, at: IPv6Header.Offset.nextHeader)
        header.store(hopLimit, at: IPv6Header.Offset.hopLimit)
        for (at, address) in [(IPv6Header.Offset.source, source), (IPv6Header.Offset.destination, destination)] {
            header.storeBigEndian(address.high, at: at)
            header.storeBigEndian(address.low, at: at + 8)
        }
    }

    /// Moves the header and the extension headers behind it, `headerByteCount` bytes in all, and gives them a new payload
    /// length and, in the byte `namedAt` of them, a new next header.
    static func move(
        from: Int, to: Int, headerByteCount: Int, totalByteCount: Int, namedAt: Int, nextHeader: UInt8,
        in memory: borrowing FrameMemory
    ) {
        memory.move(from: from, to: to, byteCount: headerByteCount)
        var header = memory.mutableBytes(at: to, count: headerByteCount)
        header.storeBigEndian(
            UInt16(truncatingIfNeeded: totalByteCount - IPv6Header.byteCount), at: IPv6Header.Offset.payloadLength)
        header.store(nextHeader, at: namedAt)
    }
}

extension FrameMemory {
    /// Moves whole words of four bytes between places that may overlap.
    func move(from: Int, to: Int, byteCount: Int) {
        let words = byteCount / 4
        for step in 0..<words {
            // From the end that the other place does not cover.
            let word = (to > from ? words - 1 - step : step) * 4
            let value = bytes(at: from + word, count: 4).bigEndian32(at: 0)
            var place = mutableBytes(at: to + word, count: 4)
            place.storeBigEndian(value, at: 0)
        }
    }
}
