public import Associations

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

    /// An SPI of an IKE SA: anything but 0 (RFC 7296 §3.1). Whether it is in use is for the caller to know.
    public mutating func ikeSPI() -> UInt64 {
        while true {
            let value = next()
            if value != 0 { return value }
        }
    }

    /// An SPI of an ESP SA: none of the reserved 0..255 (RFC 4303 §2.1). Whether it is in use, or was in this epoch, is
    /// for the caller to know.
    public mutating func espSPI() -> SPI {
        while true {
            let value = UInt32(truncatingIfNeeded: next())
            if value > 255 { return SPI(rawValue: value) }
        }
    }
}
