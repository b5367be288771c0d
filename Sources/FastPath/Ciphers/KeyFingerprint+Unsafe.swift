public import Associations
internal import CCrypto
internal import Wire

extension SecurityAssociation {
    /// What names this SA's key without betraying it: the first 128 bits of SHA-256 over key, salt and
    /// authentication key, in hexadecimal.
    public var keyFingerprint: String {
        var digest = [UInt8](repeating: 0, count: 32)
        // The secrets are read during the calls only; the digest has the 32 bytes that SHA-256 writes.
        let whole = unsafe [key, salt, authenticationKey].flatMap { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
        let succeeded = unsafe crypto_sha256(whole, whole.count, &digest)
        precondition(succeeded == 1, "OpenSSL has no SHA-256")
        return Hexadecimal.text(digest[..<16])
    }
}
