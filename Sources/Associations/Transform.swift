/// What protects the packets of an ESP SA: a cipher, and an integrity algorithm where the cipher does not authenticate by
/// itself. Names are those that operators write in proposals: `aes256gcm16`, `aes128-sha256`.
public struct Transform: Sendable, Hashable, CaseIterable, RawRepresentable {
    public enum Cipher: String, Sendable, Hashable, CaseIterable {
        /// AES-GCM with a 16-byte ICV (RFC 4106).
        case aes128gcm16, aes192gcm16, aes256gcm16
        /// RFC 7634.
        case chacha20poly1305
        /// AES-GMAC: authenticates, hides nothing (RFC 4543).
        case aes128gmac, aes192gmac, aes256gmac
        /// AES-CBC (RFC 3602).
        case aes128, aes256
        /// AES-CTR (RFC 3686).
        case aes128ctr, aes256ctr
        /// ENCR_NULL: hides nothing (RFC 2410).
        case null

        /// It authenticates by itself and goes without an integrity algorithm.
        public var isCombined: Bool {
            switch self {
            case .aes128gcm16, .aes192gcm16, .aes256gcm16, .chacha20poly1305, .aes128gmac, .aes192gmac, .aes256gmac:
                true
            case .aes128, .aes256, .aes128ctr, .aes256ctr, .null: false
            }
        }
    }

    /// HMACs with their truncation to half of the hash (RFC 4868), SHA-1's to 96 bits (RFC 2404).
    public enum Integrity: String, Sendable, Hashable, CaseIterable {
        case sha256, sha384, sha512
        /// Taken only where an operator asks for it by name.
        case sha1
    }

    public let cipher: Cipher
    /// nil with a combined cipher, and only then.
    public let integrity: Integrity?

    /// nil for a combined cipher with an integrity algorithm and for any other without.
    public init?(_ cipher: Cipher, _ integrity: Integrity? = nil) {
        guard cipher.isCombined == (integrity == nil) else { return nil }
        self.cipher = cipher
        self.integrity = integrity
    }

    private init(known cipher: Cipher, _ integrity: Integrity? = nil) {
        precondition(cipher.isCombined == (integrity == nil))
        self.cipher = cipher
        self.integrity = integrity
    }

    public static let aes128gcm16 = Transform(known: .aes128gcm16)
    public static let aes192gcm16 = Transform(known: .aes192gcm16)
    public static let aes256gcm16 = Transform(known: .aes256gcm16)
    public static let chacha20poly1305 = Transform(known: .chacha20poly1305)
    public static let aes128sha256 = Transform(known: .aes128, .sha256)
    public static let aes256sha256 = Transform(known: .aes256, .sha256)

    /// Every one that there is; its names are what members tell each other that they can do.
    public static let allCases: [Transform] = Cipher.allCases.flatMap { cipher in
        cipher.isCombined
            ? [Transform(known: cipher)] : Integrity.allCases.map { Transform(known: cipher, $0) }
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    /// "aes256gcm16", "aes256-sha256".
    public var rawValue: String { integrity.map { "\(cipher.rawValue)-\($0.rawValue)" } ?? cipher.rawValue }
    public init?(rawValue: String) {
        guard let known = Self.byName[rawValue] else { return nil }
        self = known
    }
}

/// Lengths, all in bytes.
extension Transform {
    /// Of the cipher key, without the salt; 0 for none.
    public var keyByteCount: Int {
        switch cipher {
        case .aes128gcm16, .aes128gmac, .aes128, .aes128ctr: 16
        case .aes192gcm16, .aes192gmac: 24
        case .aes256gcm16, .aes256gmac, .aes256, .aes256ctr, .chacha20poly1305: 32
        case .null: 0
        }
    }

    /// Of the salt that starts the nonce (RFC 4106 §4, RFC 4543 §3.2, RFC 7634 §2, RFC 3686 §5.1); 0 for none.
    public var saltByteCount: Int {
        switch cipher {
        case .aes128, .aes256, .null: 0
        default: 4
        }
    }

    /// Of the integrity key, which is as long as the hash (RFC 4868 §2.1.1, RFC 2404 §3); 0 for none.
    public var authenticationKeyByteCount: Int {
        switch integrity {
        case nil: 0
        case .sha1: 20
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// Of the IV in every packet.
    public var ivByteCount: Int {
        switch cipher {
        case .aes128, .aes256: 16
        case .null: 0
        default: 8
        }
    }

    /// Of the ICV that ends every packet.
    public var icvByteCount: Int {
        switch integrity {
        case nil: 16
        case .sha1: 12
        case .sha256: 16
        case .sha384: 24
        case .sha512: 32
        }
    }

    /// What the encrypted part of a packet is a multiple of (RFC 4303 §2.4).
    public var alignment: Int {
        switch cipher {
        case .aes128, .aes256: 16
        default: 4
        }
    }
}
