internal import Associations
internal import CCrypto

/// One end of a Diffie-Hellman exchange in a group of OpenSSL's: a private key that never leaves it, and its public value.
///
/// A value answers any number of peers, but a private key that serves more than one needs the checks of RFC 6989, which
/// are made always.
///
/// `@unchecked Sendable`: the key is not changed after `init`, and OpenSSL reads keys from any thread.
@safe final class GroupKey: @unchecked Sendable {
    private let method: KeyExchangeMethod
    /// What the KE payload carries.
    let publicValue: [UInt8]
    private let key: OpaquePointer

    /// With this private key: a big-endian number, or X25519's 32 bytes. nil when it is out of range. Traps for a method
    /// that is no group.
    init?(_ method: KeyExchangeMethod, privateKey: SecretBytes) {
        precondition(method != .mlkem768)
        // Read during the call only; what is made is ours.
        let made = unsafe privateKey.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let start = bytes.baseAddress else { return nil }
            return unsafe ike_group_import(Int32(method.transformID), start, bytes.count)
        }
        guard let made = unsafe made else { return nil }
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

    /// g^ir with the peer's public value; nil when that is none of the group's.
    func agree(_ peer: [UInt8]) -> SecretBytes? {
        let count = method.secretByteCount
        // The scratch memory has the length of the group's secret; the peer's value is read during the call only.
        return unsafe SecretBytes.written(capacity: count, count: count) { secret in
            unsafe ike_group_agree(key, Int32(method.transformID), peer, peer.count, secret, count) == 1
        }
    }
}
