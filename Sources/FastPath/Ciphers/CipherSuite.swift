internal import Associations

/// A transform as a packet needs it, in four bytes: which algorithms, and where the parts of its packets lie.
struct CipherSuite: BitwiseCopyable, Equatable {
    enum Cipher {
        static let gcm: UInt8 = 0, gmac: UInt8 = 1, chacha20poly1305: UInt8 = 2, cbc: UInt8 = 3, ctr: UInt8 = 4,
            null: UInt8 = 5, gcm192: UInt8 = 6
    }

    /// One number, so that the path of every packet loads and stores it at once. From the lowest byte on:
    ///
    ///     | algorithms | bytes of the key | of ESP header and IV | of those and the ICV |
    ///     algorithms:  ESN 1 bit | cipher 3 | 0 | hash of the HMAC 3
    ///
    /// Hashes are 1 to 4 for SHA-1, SHA-256, SHA-384, SHA-512, 0 for none. 0 in the lowest byte is AES-GCM with 128 or 256 bits
    /// and without ESN, the quick way.
    private let rawValue: UInt32

    static let none = CipherSuite(.aes128gcm16)

    init(_ transform: Transform, hasESN: Bool = false) {
        let cipher =
            switch transform.cipher {
            case .aes128gcm16, .aes256gcm16: Cipher.gcm
            case .aes192gcm16: Cipher.gcm192
            case .aes128gmac, .aes192gmac, .aes256gmac: Cipher.gmac
            case .chacha20poly1305: Cipher.chacha20poly1305
            case .aes128, .aes256: Cipher.cbc
            case .aes128ctr, .aes256ctr: Cipher.ctr
            case .null: Cipher.null
            }
        let hash: UInt8 =
            switch transform.integrity {
            case nil: 0
            case .sha1: 1
            case .sha256: 2
            case .sha384: 3
            case .sha512: 4
            }
        let prefix = UInt32(ESPHeader.byteCount + transform.ivByteCount)
        let overhead = prefix + UInt32(transform.icvByteCount)
        rawValue =
            UInt32((hasESN ? Self.esn : 0) | cipher << 4 | hash) | UInt32(transform.keyByteCount) << 8 | prefix << 16
            | overhead << 24
    }

    private static let esn: UInt8 = 0x80

    /// Cipher, hash and whether there is ESN, in one: what a stretch of packets must have in common.
    @inline(__always) var algorithms: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// The quick way.
    @inline(__always) var isGCM: Bool { algorithms == 0 }
    /// AES-GCM of any key size, with ESN or without.
    @inline(__always) var isAnyGCM: Bool { cipher == Cipher.gcm || cipher == Cipher.gcm192 }
    @inline(__always) var isGCM192: Bool { cipher == Cipher.gcm192 }
    @inline(__always) var hasESN: Bool { algorithms & Self.esn != 0 }
    @inline(__always) var cipher: UInt8 { algorithms >> 4 & 7 }
    @inline(__always) var hash: UInt8 { algorithms & 15 }
    /// Of the cipher; 0 for none.
    @inline(__always) var keyByteCount: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
    /// ESP header and IV.
    @inline(__always) var prefixByteCount: Int { Int(UInt8(truncatingIfNeeded: rawValue >> 16)) }
    /// ESP header, IV and ICV.
    @inline(__always) var overhead: Int { Int(truncatingIfNeeded: rawValue >> 24) }
    @inline(__always) var icvByteCount: Int { overhead &- prefixByteCount }
    @inline(__always) var ivByteCount: Int { prefixByteCount &- ESPHeader.byteCount }
    /// Of the ciphertext (RFC 4303 §2.4).
    @inline(__always) var alignment: Int { cipher == Cipher.cbc ? 16 : ESPLayout.alignment }

    /// The least that can be an ESP packet.
    var minimumByteCount: Int { overhead + alignment }

    /// Whether an ESP packet may have this length.
    @inline(__always)
    func allows(_ byteCount: Int) -> Bool {
        let ciphertext = byteCount &- overhead
        return ciphertext >= alignment && ciphertext & (alignment &- 1) == 0
    }

    /// Bytes of padding that a payload gets.
    func padding(forPayload byteCount: Int) -> Int { -(byteCount + ESPLayout.trailerByteCount) & (alignment - 1) }

    /// Bytes of the ESP packet around a payload.
    func byteCount(forPayload byteCount: Int) -> Int {
        overhead + byteCount + padding(forPayload: byteCount) + ESPLayout.trailerByteCount
    }
}
