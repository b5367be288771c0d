public import Associations
internal import CCrypto

/// One end of a key exchange: a private key that never leaves OpenSSL, and its public value.
///
/// A value answers any number of peers, but a private key that serves more than one needs the checks of RFC 6989, which
/// are made always.
///
/// `@unchecked Sendable`: the key is not changed after `init`, and OpenSSL reads keys from any thread.
@safe public final class KeyExchange: @unchecked Sendable {
    public let method: KeyExchangeMethod
    /// What the KE payload carries.
    public let publicValue: [UInt8]
    private let key: OpaquePointer

    /// With a new private key by OpenSSL's generator.
    public convenience init(_ method: KeyExchangeMethod) throws(KeyExchangeFailure) {
        guard method.isSupported else { throw .unsupported(method) }
        // The caller of the other initializer owns the key from here on.
        guard let made = unsafe ike_group_generate(Int32(method.transformID)) else {
            fatalError("OpenSSL has no memory or no \(method.rawValue)")
        }
        unsafe self.init(method, owning: made)
    }

    /// With this private key: a big-endian number, or X25519's 32 bytes. For tests and for a simulation that repeats
    /// itself; throws `invalid` when it is out of range.
    public convenience init(_ method: KeyExchangeMethod, privateKey: SecretBytes) throws(KeyExchangeFailure) {
        guard method.isSupported else { throw .unsupported(method) }
        // Read during the call only; the other initializer owns the key from here on.
        let made = unsafe privateKey.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let start = bytes.baseAddress else { return nil }
            return unsafe ike_group_import(Int32(method.transformID), start, bytes.count)
        }
        guard let made = unsafe made else { throw .invalid }
        unsafe self.init(method, owning: made)
    }

    @unsafe
    private init(_ method: KeyExchangeMethod, owning made: OpaquePointer) {
        self.method = method
        var value = [UInt8](repeating: 0, count: method.publicByteCount)
        // The value has the length of the group's.
        let told = unsafe ike_group_public(made, Int32(method.transformID), &value, value.count)
        precondition(told == 1, "OpenSSL does not tell a public key")
        publicValue = value
        unsafe key = made
    }

    deinit {
        // Ours alone; OpenSSL wipes it.
        unsafe ike_key_free(key)
    }

    /// g^ir with the peer's public value; throws `invalid` when that is none of the group's.
    public func agree(_ peer: [UInt8]) throws(KeyExchangeFailure) -> SecretBytes {
        let count = method.secretByteCount
        // The scratch memory has the length of the group's secret; the peer's value is read during the call only.
        let secret = unsafe SecretBytes.written(capacity: count, count: count) { secret in
            unsafe ike_group_agree(key, Int32(method.transformID), peer, peer.count, secret, count) == 1
        }
        guard let secret else { throw .invalid }
        return secret
    }

    /// The responder's part in one step: its public value and the secret. With a method whose answer depends on the
    /// question (ML-KEM) this is the only way.
    public static func answer(
        _ peer: [UInt8], by method: KeyExchangeMethod
    ) throws(KeyExchangeFailure) -> (publicValue: [UInt8], sharedSecret: SecretBytes) {
        guard peer.count == method.publicByteCount else { throw .invalid }
        let own = try KeyExchange(method)
        return (own.publicValue, try own.agree(peer))
    }
}
