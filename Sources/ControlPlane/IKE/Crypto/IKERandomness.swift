public import Associations

/// Where a session's nonces, private keys and SPIs come from. Bytes and SPIs are requirements of their own: bytes so that
/// a source which costs a system call is asked once for many, SPIs so that who keeps many sessions can see to it that none
/// is given twice.
public protocol IKERandomness: RandomNumberGenerator {
    /// For private keys.
    mutating func secret(byteCount: Int) -> SecretBytes
    /// For what is sent.
    mutating func bytes(_ count: Int) -> [UInt8]
    /// An SPI of an IKE SA: anything but 0 (RFC 7296 §3.1).
    mutating func ikeSPI() -> UInt64
    /// An SPI of an ESP SA: none of the reserved 0..255 (RFC 4303 §2.1).
    mutating func espSPI() -> SPI
}

extension IKERandomness {
    /// Random bytes, for a nonce: at least half the PRF's key and 16 bytes, at most 256 (RFC 7296 §2.10).
    /// 32 bytes are enough for every PRF here.
    public mutating func nonce(byteCount: Int = 32) -> [UInt8] {
        precondition(MessageBounds.nonceByteCounts.contains(byteCount))
        return bytes(byteCount)
    }
}

/// A word at a time, and blindly: fit for one session, and for simulations.
extension IKERandomness {
    public mutating func secret(byteCount: Int) -> SecretBytes { SecretBytes(bytes(byteCount)) }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 7)
        while bytes.count < count { bytes += next().bigEndianBytes }
        return Array(bytes[..<count])
    }

    public mutating func ikeSPI() -> UInt64 {
        while true {
            let value = next()
            if value != 0 { return value }
        }
    }

    public mutating func espSPI() -> SPI {
        while true {
            let value = UInt32(truncatingIfNeeded: next())
            if value > 255 { return SPI(rawValue: value) }
        }
    }
}
