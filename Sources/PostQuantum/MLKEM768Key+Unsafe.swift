public import Associations
internal import Crypto
internal import FoundationEssentials

/// ML-KEM-768 (FIPS 203) by swift-crypto, whose algorithm is BoringSSL's: OpenSSL 3.0 has none. A module of its own so
/// that nothing else here compiles against Foundation.
///
/// This is the key pair of who asks; who answers needs none.
public struct MLKEM768Key: Sendable {
    public static let seedByteCount = 64
    public static let publicByteCount = 1184
    public static let ciphertextByteCount = 1088
    public static let secretByteCount = 32

    private let key: MLKEM768.PrivateKey
    /// The encapsulation key.
    public let publicValue: [UInt8]

    /// From d | z, `seedByteCount` random bytes. Traps for another number.
    public init(seed: SecretBytes) {
        precondition(seed.count == Self.seedByteCount)
        // Read during the call only.
        let made = unsafe seed.withUnsafeBytes { bytes in
            unsafe try? MLKEM768.PrivateKey(seedRepresentation: bytes, publicKey: nil)
        }
        guard let made else { fatalError("BoringSSL refuses a seed of \(seed.count) bytes") }
        key = made
        publicValue = [UInt8](made.publicKey.rawRepresentation)
    }

    /// The secret of a ciphertext; nil when its length is wrong. A ciphertext that was not made for this key gives another
    /// secret, and nobody is told (FIPS 203 §6.3).
    public func decapsulate(_ ciphertext: [UInt8]) -> SecretBytes? {
        guard ciphertext.count == Self.ciphertextByteCount, let secret = try? key.decapsulate(ciphertext) else {
            return nil
        }
        return Self.secret(secret)
    }

    /// What to send to the holder of a public value, and the secret; nil when it is none (FIPS 203 §7.2). Its random
    /// numbers are BoringSSL's own: swift-crypto takes none.
    public static func encapsulate(to publicValue: [UInt8]) -> (ciphertext: [UInt8], secret: SecretBytes)? {
        guard publicValue.count == publicByteCount,
            let key = try? MLKEM768.PublicKey(rawRepresentation: publicValue), let made = try? key.encapsulate()
        else { return nil }
        return ([UInt8](made.encapsulated), Self.secret(made.sharedSecret))
    }

    private static func secret(_ key: SymmetricKey) -> SecretBytes {
        // Copied before the pointer ends.
        unsafe key.withUnsafeBytes { unsafe SecretBytes($0) }
    }
}
