internal import CCrypto
internal import CMachine

/// Verifying and peeking, a batch at a time. Each pass goes over the whole batch before the next begins, so that what
/// one pass writes has left the store buffer, and what it asked for has come from memory, when the next one reads it.
extension MultiBufferCiphers {
    /// How the packet of a work is laid out for the hash and the counter runs.
    private struct Layout {
        let ciphertext: Int
        let hashPadding: Int
        let headRun: Int
        /// Offset in the ciphertext of the block that holds the trailer, if the head does not reach it; else -1.
        let lastBlock: Int

        @inline(__always)
        init(_ work: CipherWork) {
            ciphertext = work.ciphertextByteCount
            hashPadding = -ciphertext & 15
            let whole = ciphertext <= PeekedHeads.longByteCount
            headRun = whole ? ciphertext : PeekedHeads.shortByteCount
            lastBlock = whole ? -1 : (ciphertext - 1) & ~15
        }
    }

    func verifyAndPeek(
        _ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory, into heads: borrowing PeekedHeads
    ) {
        run(&works, count: count, in: memory, into: heads, verifying: true)
    }

    func peek(
        _ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory, into heads: borrowing PeekedHeads
    ) {
        run(&works, count: count, in: memory, into: heads, verifying: false)
    }

    @inline(__always)
    private func run(
        _ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads,
        verifying: Bool
    ) {
        precondition(count <= batchCapacity)
        var runs128 = 0
        var runs256 = 0
        for index in 0..<count {
            let work = works[index]
            let layout = Layout(work)
            // The packet and its tailroom lie inside the frame memory, which the call checks.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount + Tailroom.byteCount)
            let slot = unsafe scratch + index
            let expanded = unsafe key(work.association)
            // Round keys, and the powers of the hash key that short packets use, which lie at the table's end.
            unsafe machine_prefetch(expanded)
            unsafe machine_prefetch(expanded + 64)
            unsafe machine_prefetch(expanded + 128)
            unsafe machine_prefetch(expanded + 832)
            unsafe machine_prefetch(expanded + 896)
            unsafe machine_prefetch(expanded + 960)

            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            unsafe slot.pointee.nonce.0 = work.salt
            unsafe slot.pointee.nonce.1 = UInt32(truncatingIfNeeded: iv)
            unsafe slot.pointee.nonce.2 = UInt32(truncatingIfNeeded: iv >> 32)

            if verifying {
                let end = unsafe esp + (ESPHeader.Offset.ciphertext + layout.ciphertext)
                unsafe slot.pointee.iv = iv
                // 32 bytes from the ICV on: 16 of its own and 16 of tailroom, so inside what was checked above.
                unsafe slot.pointee.tail = end.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
                unsafe esp.storeBytes(of: 0, toByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                unsafe end.storeBytes(of: 0, as: UInt64.self)
                unsafe end.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
                unsafe end.storeBytes(
                    of: UInt64(ESPHeader.byteCount * 8).bigEndian, toByteOffset: layout.hashPadding, as: UInt64.self)
                unsafe end.storeBytes(
                    of: UInt64(layout.ciphertext * 8).bigEndian, toByteOffset: layout.hashPadding + 8, as: UInt64.self)
            }

            // Counter 1 is run over SPI, number and the zeroed IV: what comes out is the ICV's mask, exclusive-ored with
            // what is known. Counters 2 and on decrypt the head (RFC 4106 §3, NIST SP 800-38D §7.1).
            let head = unsafe heads.memory.pointer(at: index &* PeekedHeads.stride, count: PeekedHeads.stride)
            let job: UnsafeMutablePointer<IMB_JOB>
            if work.keyByteCount == 16 {
                unsafe job = jobs128 + runs128
                runs128 += layout.lastBlock < 0 ? 1 : 2
            } else {
                unsafe job = jobs256 + runs256
                runs256 += layout.lastBlock < 0 ? 1 : 2
            }
            // A head's 192 bytes hold 16 of mask and at most 112 of plaintext; the job's memory holds two jobs a packet.
            unsafe crypto_mb_set_counter_job(
                job, expanded, UnsafeMutableRawPointer(slot) + Scratch.nonceOffset, 12, esp, head,
                UInt64(16 + layout.headRun))
            if layout.lastBlock >= 0 {
                unsafe slot.pointee.lastNonce = (
                    slot.pointee.nonce.0, slot.pointee.nonce.1, slot.pointee.nonce.2,
                    UInt32(truncatingIfNeeded: 2 + layout.lastBlock / 16).bigEndian
                )
                unsafe crypto_mb_set_counter_job(
                    job + 1, expanded, UnsafeMutableRawPointer(slot) + Scratch.lastNonceOffset, 16,
                    esp + (ESPHeader.Offset.ciphertext + layout.lastBlock), head + PeekedHeads.lastBlockOffset,
                    UInt64(layout.ciphertext - layout.lastBlock))
            }
        }

        // The jobs were filled above; each reads a packet and writes its own head.
        if runs128 > 0 { unsafe _ = crypto_mb_run_counter_jobs(manager, jobs128, UInt32(runs128), 16) }
        if runs256 > 0 { unsafe _ = crypto_mb_run_counter_jobs(manager, jobs256, UInt32(runs256), 32) }

        if verifying {
            for index in 0..<count {
                let work = works[index]
                let layout = Layout(work)
                // Prepared by the first pass: everything to be hashed lies in one piece, padding and lengths included.
                let esp = unsafe memory.pointer(at: work.start, count: work.byteCount + Tailroom.byteCount)
                let hashed = ESPHeader.Offset.ciphertext + layout.ciphertext + layout.hashPadding + 16
                unsafe crypto_mb_ghash(
                    manager, key(work.association), esp, UInt64(hashed),
                    UnsafeMutableRawPointer(scratch + index) + Scratch.tagOffset)
            }
        }

        for index in 0..<count {
            let layout = Layout(works[index])
            // In range: every head has PeekedHeads.stride bytes.
            let head = unsafe heads.memory.pointer(at: index &* PeekedHeads.stride, count: PeekedHeads.stride)
            if verifying {
                let esp = unsafe memory.pointer(
                    at: works[index].start, count: works[index].byteCount + Tailroom.byteCount)
                let slot = unsafe scratch + index
                let mask = unsafe head.loadUnaligned(as: (UInt64, UInt64).self)
                let known = unsafe esp.loadUnaligned(as: UInt64.self)  // SPI and number; the IV's place holds 0.
                let icv = unsafe slot.pointee.tail
                // No early exit: how long this takes tells nothing of the tag.
                let difference =
                    unsafe (slot.pointee.tag.0 ^ mask.0 ^ known ^ icv.0) | (slot.pointee.tag.1 ^ mask.1 ^ icv.1)
                works[index].isAuthentic = difference == 0
                // What the first pass saved goes back to where it was: the frame is as it came.
                unsafe esp.storeBytes(of: slot.pointee.iv, toByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                unsafe (esp + (ESPHeader.Offset.ciphertext + layout.ciphertext)).storeBytes(
                    of: slot.pointee.tail, as: (UInt64, UInt64, UInt64, UInt64).self)
            }
            let trailer =
                layout.lastBlock < 0
                ? PeekedHeads.plaintextOffset + layout.ciphertext - 2
                : PeekedHeads.lastBlockOffset + (layout.ciphertext - layout.lastBlock) - 2
            works[index].headByteCount = Int32(layout.headRun)
            works[index].padByteCount = unsafe head.load(fromByteOffset: trailer, as: UInt8.self)
            works[index].nextHeader = unsafe head.load(fromByteOffset: trailer + 1, as: UInt8.self)
        }
    }

    func extend(
        _ works: inout Slab<CipherWork>, _ index: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        let work = works[index]
        let bytes = min(work.ciphertextByteCount, PeekedHeads.longByteCount)
        guard bytes > Int(work.headByteCount) else { return }
        // As in `run`, one job over more blocks; the nonce is still in the scratch slot of this work.
        let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
        let head = unsafe heads.memory.pointer(at: index &* PeekedHeads.stride, count: PeekedHeads.stride)
        let job = unsafe work.keyByteCount == 16 ? jobs128 : jobs256
        unsafe crypto_mb_set_counter_job(
            job, key(work.association), UnsafeMutableRawPointer(scratch + index) + Scratch.nonceOffset, 12, esp, head,
            UInt64(16 + bytes))
        unsafe _ = crypto_mb_run_counter_jobs(manager, job, 1, Int(work.keyByteCount))
        works[index].headByteCount = Int32(bytes)
    }
}
