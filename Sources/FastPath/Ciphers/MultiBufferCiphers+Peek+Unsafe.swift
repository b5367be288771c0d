internal import CCrypto
internal import CMachine

/// Verifying and peeking, a batch at a time. Each pass goes over the whole batch before the next begins, so that what
/// one pass writes has left the store buffer, and what it asked for has come from memory, when the next one reads it.
extension MultiBufferCiphers {
    func verifyAndPeek(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        guard count.isAllGCM else {
            return peekMixed(&works, count, in: memory, into: heads, verifying: true)
        }
        run(&works, count.first, count.count, in: memory, into: heads, verifying: true)
    }

    func peek(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        guard count.isAllGCM else {
            return peekMixed(&works, count, in: memory, into: heads, verifying: false)
        }
        run(&works, count.first, count.count, in: memory, into: heads, verifying: false)
    }

    /// A batch with several transforms: stretches of AES-GCM go their own ways, all the others in one call.
    @inline(never)
    private func peekMixed(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        precondition(count.count <= batchCapacity)
        var otherCount = 0
        var index = count.first
        while index < count.count {
            let suite = works[index].suite
            if suite.isAnyGCM {
                var end = index
                while end < count.count && works[end].suite.algorithms == suite.algorithms { end += 1 }
                switch (suite.isGCM192, suite.hasESN) {
                case (false, false): stretch(&works, index, end, in: memory, into: heads, verifying: verifying)
                case (true, false): stretch192(&works, index, end, in: memory, into: heads, verifying: verifying)
                case (false, true): stretchESN(&works, index, end, in: memory, into: heads, verifying: verifying)
                case (true, true): stretchESN192(&works, index, end, in: memory, into: heads, verifying: verifying)
                }
                index = end
                continue
            }
            // The packet and its tailroom lie inside the frame memory, the head inside the heads', which the calls check.
            let head = unsafe heads.memory.pointer(at: index * PeekedHeads.stride, count: PeekedHeads.stride)
            unsafe add(works[index], index, to: &otherCount, in: memory, head: head + PeekedHeads.plaintextOffset)
            index += 1
        }
        // The first otherCount were filled above.
        unsafe crypto_mb_esp_peek(manager, others, otherWorks, otherCount, verifying ? 1 : 0)
        take(&works, otherCount)
    }

    @inline(never)
    private func stretch(
        _ works: inout Slab<CipherWork>, _ first: Int, _ end: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        run(&works, first, end, in: memory, into: heads, verifying: verifying)
    }

    @inline(never)
    private func stretch192(
        _ works: inout Slab<CipherWork>, _ first: Int, _ end: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        run(&works, first, end, in: memory, into: heads, verifying: verifying, is192: true)
    }

    @inline(never)
    private func stretchESN(
        _ works: inout Slab<CipherWork>, _ first: Int, _ end: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        run(&works, first, end, in: memory, into: heads, verifying: verifying, hasESN: true)
    }

    @inline(never)
    private func stretchESN192(
        _ works: inout Slab<CipherWork>, _ first: Int, _ end: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        run(&works, first, end, in: memory, into: heads, verifying: verifying, is192: true, hasESN: true)
    }

    /// Works of 128 and 256 bits, or of 192 alone; all with ESN, or none.
    @inline(__always)
    private func run(
        _ cipherWorks: inout Slab<CipherWork>, _ first: Int, _ end: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool, is192: Bool = false, hasESN: Bool = false
    ) {
        precondition(first >= 0 && end <= batchCapacity)
        let works = cipherWorks.view
        let frames = memory.view
        // A head for each work: checked once for all of them.
        let firstHead = unsafe heads.memory.pointer(at: 0, count: end &* PeekedHeads.stride)
        // Locals, which no store through a pointer can be taken to change.
        let (scratch, manager) = unsafe (self.scratch, self.manager)
        let (jobs128, jobs256) = unsafe (is192 ? self.jobs192 : self.jobs128, self.jobs256)
        // The next free job of each key size; there are two for every packet that a batch can have.
        var next128 = unsafe jobs128
        var next256 = unsafe jobs256
        for index in first..<end {
            let ciphertext = works[index].ciphertextByteCount
            let expanded = unsafe key(works[index].association)
            // The packet and its tailroom lie inside the frame memory, which the call checks; the head was checked above.
            let esp = unsafe frames.pointer(at: works[index].start, count: works[index].byteCount &+ Tailroom.byteCount)
            let head = unsafe firstHead + index &* PeekedHeads.stride
            let slot = unsafe scratch + index
            // Round keys, and the powers of the hash key that short packets use, which lie at the table's end.
            unsafe machine_prefetch(expanded)
            unsafe machine_prefetch(expanded + 64)
            unsafe machine_prefetch(expanded + 128)
            unsafe machine_prefetch(expanded + 832)
            unsafe machine_prefetch(expanded + 896)
            unsafe machine_prefetch(expanded + 960)

            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            let salt = works[index].salt
            unsafe slot.pointee.nonce = (salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32), 0)
            unsafe slot.pointee.key = expanded
            unsafe slot.pointee.esp = esp
            unsafe slot.pointee.ciphertext = ciphertext

            if verifying {
                let tail = unsafe esp + (ESPHeader.Offset.ciphertext &+ ciphertext)
                let padding = (0 &- ciphertext) & 15
                unsafe slot.pointee.iv = iv
                unsafe slot.pointee.hashed = ESPHeader.Offset.ciphertext &+ ciphertext &+ padding &+ 16
                // 32 bytes from the ICV on: 16 of its own and 16 of tailroom, so inside what was checked above.
                unsafe slot.pointee.tail = tail.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
                if hasESN {
                    // SPI, upper and lower half of the number and padding: 16 bytes, as SPI, number and padding have.
                    let low = unsafe esp.loadUnaligned(
                        fromByteOffset: ESPHeader.Offset.sequenceNumber, as: UInt32.self)
                    unsafe esp.storeBytes(
                        of: works[index].high.bigEndian, toByteOffset: ESPHeader.Offset.sequenceNumber, as: UInt32.self)
                    unsafe esp.storeBytes(of: UInt64(low), toByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                } else {
                    unsafe esp.storeBytes(of: 0, toByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                }
                unsafe tail.storeBytes(of: 0, as: UInt64.self)
                unsafe tail.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
                let aad = hasESN ? ESPHeader.byteCount &+ 4 : ESPHeader.byteCount
                unsafe (tail + padding).storeBytes(of: UInt64(aad * 8).bigEndian, as: UInt64.self)
                unsafe (tail + padding).storeBytes(
                    of: (UInt64(truncatingIfNeeded: ciphertext) &* 8).bigEndian, toByteOffset: 8, as: UInt64.self)
            }

            // Counter 1 is run over SPI, number and the zeroed IV: what comes out is the ICV's mask, exclusive-ored with
            // what is known. Counters 2 and on decrypt the head (RFC 4106 §3, NIST SP 800-38D §7.1).
            let reachesEnd = ciphertext <= PeekedHeads.longByteCount
            let headRun = reachesEnd ? ciphertext : PeekedHeads.shortByteCount
            works[index].headByteCount = Int32(truncatingIfNeeded: headRun)
            let runs = reachesEnd ? 1 : 2
            let job: UnsafeMutablePointer<IMB_JOB>
            if is192 || works[index].suite.keyByteCount == 16 {
                unsafe job = next128
                unsafe next128 += runs
            } else {
                unsafe job = next256
                unsafe next256 += runs
            }
            // A head's bytes hold 16 of mask and at most 112 of plaintext; the job's memory holds two jobs a packet.
            unsafe crypto_mb_set_counter_job(
                job, expanded, UnsafeMutableRawPointer(slot) + Scratch.nonceOffset, 12, esp, head,
                UInt64(truncatingIfNeeded: 16 &+ headRun))
            if !reachesEnd {
                let lastBlock = (ciphertext &- 1) & ~15
                unsafe slot.pointee.lastNonce = (
                    salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32),
                    UInt32(truncatingIfNeeded: 2 &+ lastBlock >> 4).bigEndian
                )
                unsafe crypto_mb_set_counter_job(
                    job + 1, expanded, UnsafeMutableRawPointer(slot) + Scratch.lastNonceOffset, 16,
                    esp + (ESPHeader.Offset.ciphertext &+ lastBlock), head + PeekedHeads.lastBlockOffset,
                    UInt64(truncatingIfNeeded: ciphertext &- lastBlock))
            }
        }

        // The jobs were filled above; each reads a packet and writes its own head.
        let (runs128, runs256) = unsafe (next128 - jobs128, next256 - jobs256)
        if runs128 > 0 { unsafe _ = crypto_mb_run_counter_jobs(manager, jobs128, UInt32(runs128), is192 ? 24 : 16) }
        if runs256 > 0 { unsafe _ = crypto_mb_run_counter_jobs(manager, jobs256, UInt32(runs256), 32) }

        if verifying {
            for index in first..<end {
                let slot = unsafe scratch + index
                // Prepared by the first pass: everything to be hashed lies in one piece, padding and lengths included.
                unsafe crypto_mb_ghash(
                    manager, slot.pointee.key, slot.pointee.esp,
                    UInt64(truncatingIfNeeded: slot.pointee.hashed), UnsafeMutableRawPointer(slot) + Scratch.tagOffset)
            }
        }

        for index in first..<end {
            let slot = unsafe scratch + index
            let ciphertext = unsafe slot.pointee.ciphertext
            // Of the heads that were checked before the first pass.
            let head = unsafe firstHead + index &* PeekedHeads.stride
            if verifying {
                // The pointer of the first pass.
                let esp = unsafe slot.pointee.esp
                let mask = unsafe head.loadUnaligned(as: (UInt64, UInt64).self)
                let known = unsafe esp.loadUnaligned(as: UInt64.self)  // SPI and number; the IV's place holds 0.
                let icv = unsafe slot.pointee.tail
                // No early exit: how long this takes tells nothing of the tag.
                if hasESN {
                    // The lower half of the number is in the IV's place.
                    let low = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                    let difference =
                        unsafe (slot.pointee.tag.0 ^ mask.0 ^ known ^ icv.0)
                        | (slot.pointee.tag.1 ^ mask.1 ^ low ^ icv.1)
                    works[index].isAuthentic = difference == 0
                    unsafe esp.storeBytes(
                        of: UInt32(truncatingIfNeeded: low), toByteOffset: ESPHeader.Offset.sequenceNumber,
                        as: UInt32.self)
                } else {
                    let difference =
                        unsafe (slot.pointee.tag.0 ^ mask.0 ^ known ^ icv.0) | (slot.pointee.tag.1 ^ mask.1 ^ icv.1)
                    works[index].isAuthentic = difference == 0
                }
                // What the first pass saved goes back to where it was: the frame is as it came.
                unsafe esp.storeBytes(of: slot.pointee.iv, toByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
                unsafe (esp + (ESPHeader.Offset.ciphertext &+ ciphertext)).storeBytes(
                    of: icv, as: (UInt64, UInt64, UInt64, UInt64).self)
            }
            // The last two bytes of the plaintext: at the head's end, or in the last block's run.
            let last =
                ciphertext <= PeekedHeads.longByteCount
                ? PeekedHeads.plaintextOffset &+ ciphertext
                : PeekedHeads.lastBlockOffset &+ (ciphertext &- 1) & 15 &+ 1
            works[index].padByteCount = unsafe head.load(fromByteOffset: last &- 2, as: UInt8.self)
            works[index].nextHeader = unsafe head.load(fromByteOffset: last &- 1, as: UInt8.self)
        }
    }

    func extend(
        _ works: inout Slab<CipherWork>, _ index: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        let work = works[index]
        let bytes = min(work.ciphertextByteCount, PeekedHeads.extendedByteCount)
        guard bytes > Int(work.headByteCount) else { return }
        works[index].headByteCount = Int32(bytes)
        // As in `run`, one job over more blocks; the nonce is still in the scratch slot of this work.
        let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
        let head = unsafe heads.memory.pointer(at: index &* PeekedHeads.stride, count: PeekedHeads.stride)
        guard work.suite.isAnyGCM else {
            // Of other transforms C peeks again, at more; what it finds of the trailer is known already.
            var none = 0
            unsafe add(
                work, index, to: &none, in: memory, head: head + PeekedHeads.plaintextOffset,
                headByteCount: PeekedHeads.extendedByteCount)
            return unsafe crypto_mb_esp_peek(manager, others, otherWorks, none, 0)
        }
        let keyByteCount = work.suite.keyByteCount
        let job = unsafe keyByteCount == 16 ? jobs128 : keyByteCount == 32 ? jobs256 : jobs192
        unsafe crypto_mb_set_counter_job(
            job, key(work.association), UnsafeMutableRawPointer(scratch + index) + Scratch.nonceOffset, 12, esp, head,
            UInt64(16 + bytes))
        unsafe _ = crypto_mb_run_counter_jobs(manager, job, 1, Int(keyByteCount))
    }
}
