internal import Associations
internal import CCrypto

/// AES-256-GCM for one plaintext only, under a key and a nonce of its own (see `KeyRing`).
struct SealedBox {
    private static let keyByteCount = 32
    private static let nonceByteCount = 12

    private let key: SecretBytes
    private let nonce: [UInt8]

    /// HKDF-SHA256 (RFC 5869): prf+ of IKE is its Expand.
    init(_ clusterKey: SecretBytes, salt: [UInt8]) {
        let extracted = PRF.prfsha256(.open(salt), [.secret(clusterKey)])
        let both = PRF.prfsha256.plus(
            .secret(extracted), [.open(Array("viaduct wrapped key 1".utf8))],
            byteCount: Self.keyByteCount + Self.nonceByteCount)
        key = both.part(0..<Self.keyByteCount)
        nonce = both.part(Self.keyByteCount..<both.count).disclosed
    }

    /// Ciphertext and tag.
    func seal(_ plaintext: [UInt8], associatedData: [UInt8]) -> [UInt8] {
        var sealed = [UInt8](repeating: 0, count: plaintext.count + KeyRing.tagByteCount)
        // All are read during the call; the output has room for the plaintext's length and the tag.
        let succeeded = unsafe key.withUnsafeBytes { key in
            unsafe ike_aead_seal(
                Int32(ike_aes256_gcm), key.baseAddress!, nonce, associatedData, associatedData.count, plaintext,
                plaintext.count, &sealed)
        }
        // Plaintext must not leave.
        precondition(succeeded == 1, "OpenSSL failed to seal")
        return sealed
    }

    /// nil unless it is what was sealed with this associated data. Traps when it is shorter than a tag.
    func open(_ sealed: ArraySlice<UInt8>, associatedData: [UInt8]) -> [UInt8]? {
        let count = sealed.count - KeyRing.tagByteCount
        precondition(count >= 0)
        // A byte more, so that an empty plaintext has an address.
        var plaintext = [UInt8](repeating: 0, count: count + 1)
        // All are read during the call: `count` bytes and a tag behind them; the plaintext has room for them.
        let succeeded = unsafe key.withUnsafeBytes { key in
            unsafe sealed.withUnsafeBytes { sealed in
                unsafe ike_aead_open(
                    Int32(ike_aes256_gcm), key.baseAddress!, nonce, associatedData, associatedData.count,
                    sealed.baseAddress!, count, &plaintext)
            }
        }
        plaintext.removeLast()
        return succeeded == 1 ? plaintext : nil
    }
}
