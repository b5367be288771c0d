internal import CCrypto

/// Hashes without a key, by OpenSSL.
package enum Digest {
    /// 20 bytes. Only for NAT detection and for naming authorities, which ask for it (RFC 7296 §2.23, §3.7) and of which
    /// nothing secret depends.
    package static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 20)
        // Both arrays are used during the call only; the digest has the bytes that SHA-1 writes.
        let succeeded = unsafe crypto_sha1(bytes, bytes.count, &digest)
        precondition(succeeded == 1, "OpenSSL has no SHA-1")
        return digest
    }

    /// 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        // As above, for SHA-256.
        let succeeded = unsafe crypto_sha256(bytes, bytes.count, &digest)
        precondition(succeeded == 1, "OpenSSL has no SHA-256")
        return digest
    }
}
