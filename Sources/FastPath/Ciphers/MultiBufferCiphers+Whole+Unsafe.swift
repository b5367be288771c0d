internal import CCrypto

/// Opening and sealing whole packets, for targets and endpoints.
extension MultiBufferCiphers {
    func open(_ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory) {
        var otherCount = 0
        for index in count.first..<count.count {
            let work = works[index]
            guard work.suite.isAnyGCM && !work.suite.hasESN else {
                // Of no head anything is asked: any pointer will do.
                unsafe add(work, index, to: &otherCount, in: memory, head: UnsafeMutableRawPointer(scratch))
                continue
            }
            // Inside the frame memory, which the call checks; the parts lie as ESPLayout says.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
            let ciphertext = unsafe esp + ESPHeader.Offset.ciphertext
            let bytes = work.ciphertextByteCount
            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
            var tag: (UInt64, UInt64) = (0, 0)
            // In place: the library reads a block before it writes it.
            unsafe crypto_mb_gcm(
                manager, 0, Int(work.suite.keyByteCount), key(work.association), ciphertext, ciphertext, UInt64(bytes),
                &nonce,
                esp, UInt64(ESPHeader.byteCount), &tag)
            let icv = unsafe (ciphertext + bytes).loadUnaligned(as: (UInt64, UInt64).self)
            works[index].isAuthentic = (tag.0 ^ icv.0) | (tag.1 ^ icv.1) == 0
            works[index].padByteCount = unsafe ciphertext.load(fromByteOffset: bytes - 2, as: UInt8.self)
            works[index].nextHeader = unsafe ciphertext.load(fromByteOffset: bytes - 1, as: UInt8.self)
        }
        guard otherCount > 0 else { return }
        // The first otherCount were filled above.
        unsafe crypto_mb_esp_open(manager, others, otherWorks, otherCount)
        take(&works, otherCount)
    }

    func seal(_ works: borrowing Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory) {
        var otherCount = 0
        for index in count.first..<count.count {
            let work = works[index]
            guard work.suite.isAnyGCM && !work.suite.hasESN else {
                // Of no head anything is asked: any pointer will do.
                unsafe add(work, index, to: &otherCount, in: memory, head: UnsafeMutableRawPointer(scratch))
                continue
            }
            // Inside the frame memory, which the call checks; the parts lie as ESPLayout says.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
            let plaintext = unsafe esp + ESPHeader.Offset.ciphertext
            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
            unsafe crypto_mb_gcm(
                manager, 1, Int(work.suite.keyByteCount), key(work.association), plaintext, plaintext,
                UInt64(work.ciphertextByteCount), &nonce, esp, UInt64(ESPHeader.byteCount),
                plaintext + work.ciphertextByteCount)
        }
        // The first otherCount were filled above.
        if otherCount > 0 { unsafe crypto_mb_esp_seal(manager, others, otherWorks, otherCount) }
    }

    /// Puts a work that is not of AES-GCM, or has ESN, behind those that wait for C. Traps when there are more than a batch has.
    @unsafe
    func add(
        _ work: CipherWork, _ index: Int, to count: inout Int, in memory: borrowing FrameMemory,
        head: UnsafeMutableRawPointer, headByteCount: Int = PeekedHeads.longByteCount
    ) {
        precondition(count < batchCapacity)
        // The packet and its tailroom lie inside the frame memory, which the call checks; the place is in range.
        let esp = unsafe memory.pointer(at: work.start, count: work.byteCount + Tailroom.byteCount)
        unsafe (otherWorks + count).initialize(
            to: crypto_esp_work(work, esp: esp, key: key(work.association), head: head, headByteCount: headByteCount))
        unsafe otherPlaces[count] = index
        count += 1
    }

    /// What C found of the first `count` of them.
    func take(_ works: inout Slab<CipherWork>, _ count: Int) {
        precondition(count <= batchCapacity)
        for other in 0..<count {
            // Filled by `add`, in range by the precondition.
            let (found, index) = unsafe (otherWorks[other], otherPlaces[other])
            works[index].isAuthentic = unsafe found.authentic == 1
            works[index].padByteCount = unsafe found.pad
            works[index].nextHeader = unsafe found.next
            works[index].headByteCount = Int32(min(works[index].ciphertextByteCount, PeekedHeads.longByteCount))
        }
    }
}
