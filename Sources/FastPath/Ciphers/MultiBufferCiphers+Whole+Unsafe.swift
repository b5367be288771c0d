internal import CCrypto

/// Opening and sealing whole packets, for targets and endpoints.
extension MultiBufferCiphers {
    func open(_ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let work = works[index]
            // Inside the frame memory, which the call checks; the parts lie as ESPLayout says.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
            let ciphertext = unsafe esp + ESPHeader.Offset.ciphertext
            let bytes = work.ciphertextByteCount
            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
            var tag: (UInt64, UInt64) = (0, 0)
            // In place: the library reads a block before it writes it.
            unsafe crypto_mb_gcm(
                manager, 0, Int(work.keyByteCount), key(work.association), ciphertext, ciphertext, UInt64(bytes),
                &nonce,
                esp, UInt64(ESPHeader.byteCount), &tag)
            let icv = unsafe (ciphertext + bytes).loadUnaligned(as: (UInt64, UInt64).self)
            works[index].isAuthentic = (tag.0 ^ icv.0) | (tag.1 ^ icv.1) == 0
            works[index].padByteCount = unsafe ciphertext.load(fromByteOffset: bytes - 2, as: UInt8.self)
            works[index].nextHeader = unsafe ciphertext.load(fromByteOffset: bytes - 1, as: UInt8.self)
        }
    }

    func seal(_ works: borrowing Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let work = works[index]
            // Inside the frame memory, which the call checks; the parts lie as ESPLayout says.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
            let plaintext = unsafe esp + ESPHeader.Offset.ciphertext
            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
            unsafe crypto_mb_gcm(
                manager, 1, Int(work.keyByteCount), key(work.association), plaintext, plaintext,
                UInt64(work.ciphertextByteCount), &nonce, esp, UInt64(ESPHeader.byteCount),
                plaintext + work.ciphertextByteCount)
        }
    }
}
