internal import Wire

/// What TCP, UDP and ICMPv6 count into their checksums of the header in front of them (RFC 9293 §3.1, RFC 8200 §8.1).
enum PseudoHeader {
    /// The folded sum of addresses, protocol and length. One form serves both families: what an IPv4-mapped address has in
    /// front of the IPv4 address is 0xFFFF, which a one's complement sum does not feel.
    ///
    /// - Parameter byteCount: of the upper layer's header and what follows it.
    static func sum(source: IPAddress, destination: IPAddress, ipProtocol: UInt8, byteCount: Int) -> UInt16 {
        var sum = UInt64(ipProtocol) &+ UInt64(truncatingIfNeeded: byteCount)
        sum &+= (source.high >> 32) &+ (source.high & 0xFFFF_FFFF) &+ (source.low >> 32) &+ (source.low & 0xFFFF_FFFF)
        sum &+= (destination.high >> 32) &+ (destination.high & 0xFFFF_FFFF)
        sum &+= (destination.low >> 32) &+ (destination.low & 0xFFFF_FFFF)
        return InternetChecksum.fold(sum)
    }
}
