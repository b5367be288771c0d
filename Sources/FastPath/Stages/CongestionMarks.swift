internal import Wire

/// Explicit Congestion Notification at the end of a tunnel: what routers on the way wrote into the outer header goes on in the
/// inner one (RFC 6040 §4.2). At its beginning the outer header has all of the inner one's class, marks and DSCP alike (the
/// normal mode of RFC 6040 §4.1; RFC 4301 §5.1.2); DSCP does not come back.
enum CongestionMarks {
    static let notCapable: UInt8 = 0, capable1: UInt8 = 1, capable0: UInt8 = 2, experienced: UInt8 = 3
    static let mask: UInt8 = 3

    /// What the inner header is to have; nil for a packet that must be dropped: a router would have dropped it, had it seen that
    /// its ends do not hear of congestion otherwise.
    static func carried(inner: UInt8, outer: UInt8) -> UInt8? {
        switch (inner, outer) {
        case (notCapable, experienced): nil
        case (notCapable, _), (experienced, _): inner
        case (_, experienced), (_, capable1): outer
        default: inner
        }
    }

    /// Of a header that was judged before: it is there.
    static func read(at ip: Int, in memory: borrowing FrameMemory) -> UInt8 {
        let word = memory.bytes(at: ip, count: 2).bigEndian16(at: 0)
        return UInt8(truncatingIfNeeded: word >> 12 == 6 ? word >> 4 : word) & mask
    }

    /// Carries marks over to the packet at `ip`, which was read whole; false when it must be dropped.
    @inline(never)
    static func carry(_ outer: UInt8, to ip: Int, in memory: borrowing FrameMemory) -> Bool {
        let inner = read(at: ip, in: memory)
        guard let carried = carried(inner: inner, outer: outer) else { return false }
        guard carried != inner else { return true }
        let word = memory.bytes(at: ip, count: 2).bigEndian16(at: 0)
        let isIPv6 = word >> 12 == 6
        let shift: UInt16 = isIPv6 ? 4 : 0
        var header = memory.mutableBytes(at: ip, count: isIPv6 ? IPv6Header.byteCount : IPv4Header.minimumByteCount)
        let marked = word & ~(UInt16(mask) << shift) | UInt16(carried) << shift
        header.storeBigEndian(marked, at: 0)
        guard !isIPv6 else { return true }
        // RFC 1624 §3: a sum that was wrong stays wrong.
        let old = memory.bytes(at: ip, count: IPv4Header.minimumByteCount).bigEndian16(at: IPv4Header.Offset.checksum)
        let sum = InternetChecksum.add(InternetChecksum.add(~old, ~word), marked)
        header.storeBigEndian(~sum, at: IPv4Header.Offset.checksum)
        return true
    }
}
