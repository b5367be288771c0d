public import Associations

/// Where a session's nonces, private keys and SPIs come from. SPIs are requirements of their own, so that who keeps many
/// sessions can see to it that none is given twice.
public protocol IKERandomness: RandomNumberGenerator {
    /// An SPI of an IKE SA: anything but 0 (RFC 7296 §3.1).
    mutating func ikeSPI() -> UInt64
    /// An SPI of an ESP SA: none of the reserved 0..255 (RFC 4303 §2.1).
    mutating func espSPI() -> SPI
}

extension RandomNumberGenerator {
    /// Random bytes, for a nonce: at least half the PRF's key and 16 bytes, at most 256 (RFC 7296 §2.10).
    /// 32 bytes are enough for every PRF here.
    public mutating func nonce(byteCount: Int = 32) -> [UInt8] {
        precondition((16...256).contains(byteCount))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount + 7)
        while bytes.count < byteCount { bytes += next().bigEndianBytes }
        return Array(bytes[..<byteCount])
    }
}

/// Drawn blindly: fit for one session, and for simulations.
extension IKERandomness {
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
