public import Associations
internal import CCrypto

/// Seals and opens the Encrypted payloads of one direction of an IKE SA (RFC 7296 §3.14, RFC 5282 §3).
///
/// ```
/// associated data                                     body
/// +------------+-----+-------------------------------+----+------------------------------+-----+
/// | IKE header | ... | payload header (and the       | IV | plaintext, padding, its count | ICV |
/// |            |     | number of a fragment)         |    |          (encrypted)          |     |
/// +------------+-----+-------------------------------+----+------------------------------+-----+
/// ```
///
/// The associated data is all that stands before the body, its length fields already those of the finished message:
/// `ProtectionAlgorithm.bodyByteCount` tells how long the body will be.
///
/// Every sealing takes a number that was never used before **under this key**: it is the AEAD's IV, and a second message
/// under the same number would betray both, and the key of their ICVs. The number is the caller's, because its life
/// is longer than this value's: who keeps an IKE SA in more than one place, or beyond a crash, must reserve numbers
/// durably before their first use, and go on behind the reserved mark (as sequence numbers of ESP are).
/// A retransmission is the same bytes again, not a second sealing.
public struct IKEProtection: Sendable {
    public let algorithm: ProtectionAlgorithm
    private let encryptionKey, integrityKey: SecretBytes

    /// Traps unless the keys have the algorithm's lengths.
    public init(_ algorithm: ProtectionAlgorithm, encryptionKey: SecretBytes, integrityKey: SecretBytes) {
        precondition(encryptionKey.count == algorithm.encryptionKeyByteCount)
        precondition(integrityKey.count == algorithm.integrityKeyByteCount)
        self.algorithm = algorithm
        self.encryptionKey = encryptionKey
        self.integrityKey = integrityKey
    }

    /// The body for a plaintext (the payloads inside). `number`: see the type.
    public func seal(_ plaintext: [UInt8], associatedData: [UInt8], number: UInt64) -> [UInt8] {
        let pad = algorithm.padByteCount(plaintext: plaintext.count)
        var body = iv(number)
        body.reserveCapacity(algorithm.bodyByteCount(plaintext: plaintext.count))
        body += plaintext
        // The bytes of padding may have any value (RFC 7296 §3.14).
        body.append(contentsOf: repeatElement(0, count: pad))
        body.append(UInt8(pad))
        body.append(contentsOf: repeatElement(0, count: algorithm.icvByteCount))
        let sealed = algorithm.cipher.isAEAD ? sealWhole(&body, associatedData) : sealTwice(&body, associatedData)
        // Plaintext must not leave, and the peer has no part in this failure.
        precondition(sealed, "OpenSSL failed to seal")
        return body
    }

    /// The plaintext of a body, or nil when it is not what the holder of the keys sealed with this associated data,
    /// whatever the reason.
    public func open(_ body: ArraySlice<UInt8>, associatedData: ArraySlice<UInt8>) -> [UInt8]? {
        let encrypted = body.count - algorithm.ivByteCount - algorithm.icvByteCount
        guard encrypted >= 1 else { return nil }
        guard
            var plaintext = algorithm.cipher.isAEAD
                ? openWhole(body, associatedData, encrypted) : openTwice(body, associatedData, encrypted)
        else { return nil }
        // Authentic, so whatever the sealer wrote; still it may have written nonsense.
        let pad = Int(plaintext.removeLast())
        guard pad <= plaintext.count else { return nil }
        plaintext.removeLast(pad)
        return plaintext
    }

    public func open(_ body: [UInt8], associatedData: [UInt8]) -> [UInt8]? {
        open(body[...], associatedData: associatedData[...])
    }

    /// The AEAD's IV is the number. CBC's must not be foreseeable (RFC 7296 §3.14): it is the number's HMAC under the
    /// integrity key, over fewer bytes than any message has.
    private func iv(_ number: UInt64) -> [UInt8] {
        guard let integrity = algorithm.integrity else { return number.bigEndianBytes }
        var code = [UInt8](repeating: 0, count: integrity.function.byteCount)
        var hash = KeyedHash(integrity.function, key: .secret(integrityKey))
        hash.add(.open(Array("IV".utf8) + number.bigEndianBytes))
        // As long as the function's code.
        unsafe hash.finish(into: &code)
        return Array(code[..<algorithm.ivByteCount])
    }

    // MARK: AEAD

    private func sealWhole(_ body: inout [UInt8], _ associatedData: [UInt8]) -> Bool {
        let nonce = nonce(body[..<algorithm.ivByteCount])
        let count = body.count - algorithm.ivByteCount - algorithm.icvByteCount
        // Key, nonce and associated data are read during the call; the ciphertext takes the plaintext's place between IV
        // and ICV, and the tag that of the ICV, all inside the body.
        return unsafe encryptionKey.withUnsafeBytes { key in
            unsafe body.withUnsafeMutableBytes { body in
                let text = unsafe body.baseAddress! + algorithm.ivByteCount
                return unsafe ike_aead_seal(
                    algorithm.cipher.number, key.baseAddress!, nonce, associatedData, associatedData.count, text, count,
                    text) == 1
            }
        }
    }

    private func openWhole(
        _ body: ArraySlice<UInt8>, _ associatedData: ArraySlice<UInt8>, _ count: Int
    ) -> [UInt8]? {
        let nonce = nonce(body.prefix(algorithm.ivByteCount))
        var plaintext = [UInt8](repeating: 0, count: count)
        // As in sealing; `count` bytes of ciphertext and 16 of tag stand behind the IV, which the caller checked.
        let opened = unsafe encryptionKey.withUnsafeBytes { key in
            unsafe body.withUnsafeBytes { body in
                unsafe associatedData.withUnsafeBytes { data in
                    unsafe ike_aead_open(
                        algorithm.cipher.number, key.baseAddress!, nonce, data.baseAddress ?? key.baseAddress!,
                        data.count,
                        body.baseAddress! + algorithm.ivByteCount, count, &plaintext) == 1
                }
            }
        }
        return opened ? plaintext : nil
    }

    /// salt | IV (RFC 5282 §4)
    private func nonce(_ iv: ArraySlice<UInt8>) -> [UInt8] {
        encryptionKey.part(algorithm.cipher.keyByteCount..<encryptionKey.count).disclosed + iv
    }

    // MARK: AES-CBC, then HMAC

    private func sealTwice(_ body: inout [UInt8], _ associatedData: [UInt8]) -> Bool {
        let iv = Array(body[..<algorithm.ivByteCount])
        let count = body.count - algorithm.ivByteCount - algorithm.icvByteCount
        // Whole blocks behind the IV, encrypted where they stand.
        let encrypted = unsafe encryptionKey.withUnsafeBytes { key in
            unsafe body.withUnsafeMutableBytes { body in
                let text = unsafe body.baseAddress! + algorithm.ivByteCount
                return unsafe ike_cbc(1, algorithm.cipher.number, key.baseAddress!, iv, text, count, text) == 1
            }
        }
        guard encrypted else { return false }
        let end = body.count - algorithm.icvByteCount
        body.replaceSubrange(end..., with: icv(associatedData[...], body[..<end]))
        return true
    }

    private func openTwice(
        _ body: ArraySlice<UInt8>, _ associatedData: ArraySlice<UInt8>, _ count: Int
    ) -> [UInt8]? {
        guard count % 16 == 0 else { return nil }
        let sealed = body.dropLast(algorithm.icvByteCount)
        guard isSame(Array(body.suffix(algorithm.icvByteCount)), icv(associatedData, sealed)) else { return nil }
        let iv = Array(body.prefix(algorithm.ivByteCount))
        var plaintext = [UInt8](repeating: 0, count: count)
        // `count` bytes of whole blocks stand between IV and ICV; the plaintext has the same length.
        let decrypted = unsafe encryptionKey.withUnsafeBytes { key in
            unsafe sealed.withUnsafeBytes { sealed in
                unsafe ike_cbc(
                    0, algorithm.cipher.number, key.baseAddress!, iv, sealed.baseAddress! + algorithm.ivByteCount,
                    count,
                    &plaintext) == 1
            }
        }
        return decrypted ? plaintext : nil
    }

    /// Over the message from its first byte to the end of the ciphertext (RFC 7296 §3.14). Traps with an AEAD.
    private func icv(_ associatedData: ArraySlice<UInt8>, _ sealed: ArraySlice<UInt8>) -> [UInt8] {
        let function = algorithm.integrity!.function
        var code = [UInt8](repeating: 0, count: function.byteCount)
        var hash = KeyedHash(function, key: .secret(integrityKey))
        // Read during the calls only.
        unsafe associatedData.withUnsafeBytes { unsafe hash.add($0) }
        unsafe sealed.withUnsafeBytes { unsafe hash.add($0) }
        // As long as the function's code.
        unsafe hash.finish(into: &code)
        return Array(code[..<algorithm.icvByteCount])
    }
}

extension ProtectionAlgorithm.Cipher {
    /// The number by which CCrypto knows it.
    fileprivate var number: Int32 {
        switch self {
        case .aes128gcm16: Int32(ike_aes128_gcm)
        case .aes192gcm16: Int32(ike_aes192_gcm)
        case .aes256gcm16: Int32(ike_aes256_gcm)
        case .chacha20poly1305: Int32(ike_chacha20_poly1305)
        case .aes128: Int32(ike_aes128_cbc)
        case .aes192: Int32(ike_aes192_cbc)
        case .aes256: Int32(ike_aes256_cbc)
        }
    }
}
