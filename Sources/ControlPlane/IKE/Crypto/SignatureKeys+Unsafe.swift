public import Associations
internal import CCrypto

/// A private key that signs AUTH payloads.
///
/// `@unchecked Sendable`: the key is not changed after `init`, and OpenSSL reads keys from any thread.
@safe public final class SigningKey: @unchecked Sendable {
    public let kind: SignatureKeyKind
    /// Its public half as the DER of a SubjectPublicKeyInfo: what the certificate must carry.
    public let publicKeyInfo: [UInt8]
    private let key: OpaquePointer

    /// From PEM or DER (PKCS#8, PKCS#1, SEC 1), unencrypted.
    public init(_ encoded: SecretBytes) throws(SignatureFailure) {
        // Read during the call only.
        let made = unsafe encoded.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return nil }
            return unsafe ike_private_key(start, bytes.count)
        }
        guard let made = unsafe made else { throw .notAKey }
        guard let kind = unsafe SignatureKeyKind(made) else {
            let bits = unsafe Int(ike_key_bits(made))
            // Nobody else has it.
            unsafe ike_key_free(made)
            throw .unsupportedKey(bits: bits)
        }
        self.kind = kind
        // Asked for its length first, then written in that length.
        var info = unsafe [UInt8](repeating: 0, count: ike_key_info(made, nil, 0))
        publicKeyInfo = unsafe ike_key_info(made, &info, info.count) == info.count ? info : []
        unsafe key = made
    }

    deinit {
        // Ours alone; OpenSSL wipes it.
        unsafe ike_key_free(key)
    }

    public func sign(_ octets: [UInt8], by scheme: SignatureScheme) throws(SignatureFailure) -> [UInt8] {
        guard kind.schemes.contains(scheme) else { throw .unfit(scheme) }
        var count = unsafe ike_signature_capacity(key)
        var signature = [UInt8](repeating: 0, count: count)
        // The signature has room for the longest; the call says how long it is.
        let signed = unsafe ike_sign(
            key, scheme.hash.number, scheme.family == .rsaPSS ? 1 : 0, octets, octets.count, &signature, &count)
        guard signed == 1 else { throw .refused }
        return Array(signature[..<count])
    }

    /// The AUTH data of RFC 4754, r || s, for the key's `ecdsaMethod`; throws `refused` for a key that has none.
    public func signHalves(_ octets: [UInt8]) throws(SignatureFailure) -> [UInt8] {
        guard let method = kind.ecdsaMethod else { throw .refused }
        let signature = try sign(octets, by: method.scheme)
        var halves = [UInt8](repeating: 0, count: 2 * method.halfByteCount)
        // Room for two halves.
        let split = unsafe ike_ecdsa_to_halves(signature, signature.count, &halves, method.halfByteCount)
        guard split == 1 else { throw .refused }
        return halves
    }
}

/// A public key that a peer's AUTH payload is checked with. Whether it is the peer's is for certificates to say.
///
/// `@unchecked Sendable`: as `SigningKey`.
@safe public final class VerifyingKey: @unchecked Sendable {
    public let kind: SignatureKeyKind
    private let key: OpaquePointer

    /// From the DER of a SubjectPublicKeyInfo, nothing behind it.
    public init(publicKeyInfo: [UInt8]) throws(SignatureFailure) {
        // Read during the call only.
        guard let made = unsafe ike_public_key(publicKeyInfo, publicKeyInfo.count) else { throw .notAKey }
        guard let kind = unsafe SignatureKeyKind(made) else {
            let bits = unsafe Int(ike_key_bits(made))
            // Nobody else has it.
            unsafe ike_key_free(made)
            throw .unsupportedKey(bits: bits)
        }
        self.kind = kind
        unsafe key = made
    }

    deinit {
        // Ours alone.
        unsafe ike_key_free(key)
    }

    /// False also when the scheme belongs to another kind of key.
    public func isSignature(_ signature: [UInt8], of octets: [UInt8], by scheme: SignatureScheme) -> Bool {
        guard kind.schemes.contains(scheme) else { return false }
        // Both are read during the call only.
        return unsafe ike_verify(
            key, scheme.hash.number, scheme.family == .rsaPSS ? 1 : 0, octets, octets.count, signature, signature.count)
            == 1
    }

    /// The AUTH data of RFC 4754, r || s, for the key's `ecdsaMethod`.
    public func isSignature(halves: [UInt8], of octets: [UInt8]) -> Bool {
        guard let method = kind.ecdsaMethod, halves.count == 2 * method.halfByteCount else { return false }
        var signature = [UInt8](repeating: 0, count: halves.count + 16)
        // Two numbers, with at most 16 bytes around them.
        let count = unsafe ike_ecdsa_from_halves(halves, method.halfByteCount, &signature, signature.count)
        return count > 0 && isSignature(Array(signature[..<count]), of: octets, by: method.scheme)
    }
}

extension SignatureKeyKind {
    /// nil for a key that is not used.
    @unsafe
    fileprivate init?(_ key: OpaquePointer) {
        // The caller's key, alive during the call.
        switch unsafe Int(ike_key_kind(key)) {
        case Int(ike_key_rsa):
            let bits = unsafe Int(ike_key_bits(key))
            guard Self.rsaBits.contains(bits) else { return nil }
            self = .rsa(bits: bits)
        case Int(ike_key_p256): self = .ecdsaP256
        case Int(ike_key_p384): self = .ecdsaP384
        case Int(ike_key_p521): self = .ecdsaP521
        case Int(ike_key_ed25519): self = .ed25519
        default: return nil
        }
    }
}

extension SignatureHash {
    /// The number by which CCrypto knows it.
    fileprivate var number: Int32 {
        switch self {
        case .sha1: Int32(ike_sha1)
        case .sha256: Int32(ike_sha256)
        case .sha384: Int32(ike_sha384)
        case .sha512: Int32(ike_sha512)
        case .identity: Int32(ike_no_hash)
        }
    }
}
