internal import CCrypto

extension CipherSuite {
    var forC: crypto_esp_suite {
        crypto_esp_suite(
            cipher: isGCM192 ? Cipher.gcm : cipher, hash: hash, key_bytes: keyByteCount,
            prefix_bytes: UInt8(prefixByteCount),
            icv_bytes: UInt8(icvByteCount), esn: hasESN ? 1 : 0)
    }
}

extension crypto_esp_work {
    /// A work for C. The pointers are good for the length of the call that they are made for: `esp` for the packet (and,
    /// for the multi-buffer library, its tailroom), `key` as the provider keeps it, `head` for `longByteCount` bytes.
    @unsafe
    init(
        _ work: CipherWork, esp: UnsafeMutableRawPointer, key: UnsafeMutableRawPointer, head: UnsafeMutableRawPointer
    ) {
        // Bytes have no alignment, and nobody else looks at them while C does.
        unsafe self.init(
            esp: esp.assumingMemoryBound(to: UInt8.self), key: key, head: head.assumingMemoryBound(to: UInt8.self),
            bytes: UInt32(work.ciphertextByteCount), salt: work.salt, high: work.high, suite: work.suite.forC,
            authentic: 0, pad: 0,
            next: 0)
    }
}
