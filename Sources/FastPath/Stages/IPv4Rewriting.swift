internal import Wire

/// Moving an IPv4 header within a frame and writing new ones.
enum IPv4Rewriting {
    /// Moves a header of `headerByteCount` bytes, options included, and gives it a new length, protocol and checksum.
    static func move(
        from: Int, to: Int, headerByteCount: Int, totalByteCount: Int, ipProtocol: UInt8,
        in memory: borrowing FrameMemory
    ) {
        memory.move(from: from, to: to, byteCount: headerByteCount)
        var header = memory.mutableBytes(at: to, count: headerByteCount)
        header.storeBigEndian(UInt16(truncatingIfNeeded: totalByteCount), at: IPv4Header.Offset.totalLength)
        header.store(ipProtocol, at: IPv4Header.Offset.ipProtocol)
        writeChecksum(at: to, headerByteCount: headerByteCount, in: memory)
    }

    /// Writes a header without options. DSCP and ECN are the inner packet's (RFC 4301 §5.1.2.1), as is DF; without DF the
    /// identification tells fragments apart (RFC 6864 §4.2).
    static func write(
        at offset: Int, totalByteCount: Int, trafficClass: UInt8, dontFragment: Bool, identification: UInt16,
        source: IPAddress, destination: IPAddress, ipProtocol: UInt8, in memory: borrowing FrameMemory
    ) {
        var header = memory.mutableBytes(at: offset, count: IPv4Header.minimumByteCount)
        header.store(0x45, at: IPv4Header.Offset.versionAndLength)
        header.store(trafficClass, at: IPv4Header.Offset.versionAndLength + 1)
        header.storeBigEndian(UInt16(truncatingIfNeeded: totalByteCount), at: IPv4Header.Offset.totalLength)
        header.storeBigEndian(dontFragment ? 0 : identification, at: IPv4Header.Offset.identification)
        header.storeBigEndian(UInt16(dontFragment ? 0x4000 : 0), at: IPv4Header.Offset.fragment)
        header.store(64, at: IPv4Header.Offset.fragment + 2)
        header.store(ipProtocol, at: IPv4Header.Offset.ipProtocol)
        header.storeBigEndian(source.v4, at: IPv4Header.Offset.source)
        header.storeBigEndian(destination.v4, at: IPv4Header.Offset.destination)
        writeChecksum(at: offset, headerByteCount: IPv4Header.minimumByteCount, in: memory)
    }

    /// Sets a header's checksum to what it must be (RFC 1071).
    static func writeChecksum(at offset: Int, headerByteCount: Int, in memory: borrowing FrameMemory) {
        var header = memory.mutableBytes(at: offset, count: headerByteCount)
        header.storeBigEndian(UInt16(0), at: IPv4Header.Offset.checksum)
        let sum = InternetChecksum.sum(memory.bytes(at: offset, count: headerByteCount))
        header.storeBigEndian(~sum, at: IPv4Header.Offset.checksum)
    }
}
