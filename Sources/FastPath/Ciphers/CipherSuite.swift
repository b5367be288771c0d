internal import Associations

/// A transform as a packet needs it, in four bytes: which algorithms, and where the parts of its packets lie.
struct CipherSuite: BitwiseCopyable, Equatable {
    enum Cipher {
        static let gcm: UInt8 = 0, gmac: UInt8 = 1, chacha20poly1305: UInt8 = 2, cbc: UInt8 = 3, ctr: UInt8 = 4,
            null: UInt8 = 5
    }

    /// The cipher in the upper half, the hash of the HMAC in the lower: 1 to 4 for SHA-1, SHA-256, SHA-384, SHA-512, 0 for
    /// none. 0 as a whole is AES-GCM.
    let algorithms: UInt8
    /// Of the cipher; 0 for none.
    let keyByteCount: UInt8
    /// ESP header and IV.
    private let prefix: UInt8
    private let icv: UInt8

    static let none = CipherSuite(.aes128gcm16)

    init(_ transform: Transform) {
        let cipher =
            switch transform.cipher {
            case .aes128gcm16, .aes192gcm16, .aes256gcm16: Cipher.gcm
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
        algorithms = cipher << 4 | hash
        keyByteCount = UInt8(transform.keyByteCount)
        prefix = UInt8(ESPHeader.byteCount + transform.ivByteCount)
        icv = UInt8(transform.icvByteCount)
    }

    @inline(__always) var isGCM: Bool { algorithms == 0 }
    @inline(__always) var cipher: UInt8 { algorithms >> 4 }
    @inline(__always) var hash: UInt8 { algorithms & 15 }
    @inline(__always) var prefixByteCount: Int { Int(prefix) }
    @inline(__always) var icvByteCount: Int { Int(icv) }
    @inline(__always) var ivByteCount: Int { Int(prefix) &- ESPHeader.byteCount }
    /// Of the ciphertext (RFC 4303 §2.4).
    @inline(__always) var alignment: Int { cipher == Cipher.cbc ? 16 : ESPLayout.alignment }

    /// The least that can be an ESP packet.
    var minimumByteCount: Int { prefixByteCount + alignment + icvByteCount }

    /// Whether an ESP packet may have this length.
    @inline(__always)
    func allows(_ byteCount: Int) -> Bool {
        let ciphertext = byteCount &- prefixByteCount &- icvByteCount
        return ciphertext >= alignment && ciphertext & (alignment &- 1) == 0
    }

    /// Bytes of padding that a payload gets.
    func padding(forPayload byteCount: Int) -> Int { -(byteCount + ESPLayout.trailerByteCount) & (alignment - 1) }

    /// Bytes of the ESP packet around a payload.
    func byteCount(forPayload byteCount: Int) -> Int {
        prefixByteCount + byteCount + padding(forPayload: byteCount) + ESPLayout.trailerByteCount + icvByteCount
    }
}
