/// What protects the Encrypted payload of an IKE SA: an AEAD, or AES-CBC with HMAC.
public struct ProtectionAlgorithm: Sendable, Hashable, CustomStringConvertible {
    /// Names are the ones operators write in proposals.
    public enum Cipher: String, Sendable, Hashable, CaseIterable {
        /// RFC 5282, ICV of 16.
        case aes128gcm16, aes192gcm16, aes256gcm16
        /// RFC 7634.
        case chacha20poly1305
        /// AES-CBC (RFC 3602).
        case aes128, aes192, aes256
    }

    public enum Integrity: String, Sendable, Hashable, CaseIterable {
        /// HMAC-SHA2 cut to half its length (RFC 4868).
        case sha256, sha384, sha512
    }

    public let cipher: Cipher
    /// nil with an AEAD.
    public let integrity: Integrity?

    /// nil when an AEAD is given an integrity algorithm, or CBC none.
    public init?(_ cipher: Cipher, _ integrity: Integrity? = nil) {
        guard cipher.isAEAD == (integrity == nil) else { return nil }
        self.cipher = cipher
        self.integrity = integrity
    }

    /// From the IANA numbers of the transforms of types 1 and 3; `integrityID` nil or 0 for none. nil for what we have
    /// not, and for what does not fit together.
    public init?(encryptionID: UInt16, keyBits: UInt16?, integrityID: UInt16?) {
        let cipher = Cipher.allCases.first { $0.transformID == encryptionID && $0.keyBits == keyBits }
        let integrity = Integrity.allCases.first { $0.transformID == integrityID }
        guard let cipher, integrity != nil || (integrityID ?? 0) == 0 else { return nil }
        self.init(cipher, integrity)
    }

    /// "aes128gcm16", "aes256-sha512".
    public var description: String { cipher.rawValue + (integrity.map { "-" + $0.rawValue } ?? "") }

    /// Bytes of SK_ei and of SK_er, with the salt of an AEAD.
    public var encryptionKeyByteCount: Int { cipher.keyByteCount + cipher.saltByteCount }
    /// Bytes of SK_ai and of SK_ar.
    public var integrityKeyByteCount: Int { integrity?.function.byteCount ?? 0 }
    /// Bytes of the IV at the head of the payload's body.
    public var ivByteCount: Int { cipher.isAEAD ? 8 : 16 }
    /// Bytes of the ICV at its end.
    public var icvByteCount: Int { integrity.map { $0.function.byteCount / 2 } ?? 16 }

    /// Bytes of padding behind a plaintext, without the octet that tells their number. None with an AEAD (RFC 5282 §3).
    func padByteCount(plaintext count: Int) -> Int { cipher.isAEAD ? 0 : 15 - count % 16 }

    /// Bytes of the Encrypted payload's body, which follows the generic payload header, for a plaintext.
    public func bodyByteCount(plaintext count: Int) -> Int {
        ivByteCount + count + padByteCount(plaintext: count) + 1 + icvByteCount
    }

    /// The longest plaintext whose body fits into `room` bytes, for fragments (RFC 7383 §2.5); nil when none does.
    public func plaintextByteCount(body room: Int) -> Int? {
        let inside = room - ivByteCount - icvByteCount
        let usable = (cipher.isAEAD ? inside : inside / 16 * 16) - 1
        return usable >= 0 ? usable : nil
    }
}

extension ProtectionAlgorithm.Cipher {
    public var isAEAD: Bool {
        switch self {
        case .aes128gcm16, .aes192gcm16, .aes256gcm16, .chacha20poly1305: true
        case .aes128, .aes192, .aes256: false
        }
    }

    /// The IANA number of the transform (type 1).
    public var transformID: UInt16 {
        switch self {
        case .aes128gcm16, .aes192gcm16, .aes256gcm16: 20
        case .chacha20poly1305: 28
        case .aes128, .aes192, .aes256: 12
        }
    }

    /// The transform's Key Length attribute; nil where it has none.
    public var keyBits: UInt16? { self == .chacha20poly1305 ? nil : UInt16(keyByteCount * 8) }

    /// Without the salt.
    public var keyByteCount: Int {
        switch self {
        case .aes128gcm16, .aes128: 16
        case .aes192gcm16, .aes192: 24
        case .aes256gcm16, .aes256, .chacha20poly1305: 32
        }
    }

    var saltByteCount: Int { isAEAD ? 4 : 0 }
}

extension ProtectionAlgorithm.Integrity {
    /// The IANA number of the transform (type 3).
    public var transformID: UInt16 {
        switch self {
        case .sha256: 12
        case .sha384: 13
        case .sha512: 14
        }
    }

    var function: KeyedHash.Function {
        switch self {
        case .sha256: .sha256
        case .sha384: .sha384
        case .sha512: .sha512
        }
    }
}
