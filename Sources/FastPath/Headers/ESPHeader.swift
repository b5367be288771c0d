internal import Associations
internal import Wire

/// The fixed part of an ESP packet (RFC 4303 §2) and the sizes around it with AES-GCM. Fields are big-endian on the wire.
///
///     0                   8                  16            -18           -16
///     | SPI 4 | number 4  |   IV 8           | ciphertext   : pad, next  | ICV 16 |
///     |<---- AAD -------->|                  |<------ encrypted -------->|
///
/// AES-CBC has an IV of 16 bytes and NULL none; HMAC's ICVs have 12 to 32: see `CipherSuite`.
struct ESPHeader: Equatable {
    static let byteCount = 8
    enum Offset { static let spi = 0, sequenceNumber = 4, iv = 8, ciphertext = 16 }

    var spi: SPI
    /// Low 32 bits only; with ESN the high half is inferred (RFC 4303 appendix A).
    var sequenceNumberLow: UInt32

    /// nil when fewer than 8 bytes follow `offset`.
    @inline(__always)
    init?(reading bytes: RawSpan, at offset: Int = 0) {
        guard bytes.byteCount &- offset >= Self.byteCount else { return nil }
        spi = SPI(rawValue: bytes.bigEndian32(at: offset + Offset.spi))
        sequenceNumberLow = bytes.bigEndian32(at: offset + Offset.sequenceNumber)
    }
}

/// Where the parts of an ESP packet of AES-GCM lie, which is the transform that packets nearly always have;
/// `CipherSuite` knows the others.
enum ESPLayout {
    /// Header and IV.
    static let prefixByteCount = 16
    static let icvByteCount = 16
    /// Pad length and next header.
    static let trailerByteCount = 2
    /// Of the ciphertext, for transforms that are no block cipher of a larger block (RFC 4303 §2.4).
    static let alignment = 4
    /// The least that can be an ESP packet: four encrypted bytes.
    static let minimumByteCount = prefixByteCount + alignment + icvByteCount

    /// Whether an ESP packet may have this length.
    @inline(__always)
    static func allows(_ byteCount: Int) -> Bool {
        byteCount >= minimumByteCount && (byteCount - prefixByteCount - icvByteCount) % alignment == 0
    }
}
