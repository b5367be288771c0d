public import Associations

extension PRF {
    /// prf(key, octets), the pieces of `octets` one behind the other.
    public func callAsFunction(_ key: Octets, _ octets: [Octets]) -> SecretBytes {
        var hash = KeyedHash(function, key: key)
        for piece in octets { hash.add(piece) }
        // The scratch memory has the function's length.
        return unsafe SecretBytes.written(capacity: byteCount, count: byteCount) { code in
            unsafe hash.finish(into: code)
            return true
        }!
    }

    /// prf+(key, seed), as much of it as `byteCount` says (RFC 7296 §2.13):
    /// T1 | T2 | ... with T1 = prf(key, seed | 1) and Tn = prf(key, Tn-1 | seed | n). Traps beyond T255.
    public func plus(_ key: Octets, _ seed: [Octets], byteCount wanted: Int) -> SecretBytes {
        let blocks = (wanted + byteCount - 1) / byteCount
        precondition(wanted >= 0 && blocks <= 255, "prf+ ends at its 255th block")
        var hash = KeyedHash(function, key: key)
        // The scratch memory has room for whole blocks; the one before was written when it is read.
        return unsafe SecretBytes.written(capacity: blocks * byteCount, count: wanted) { output in
            for index in 0..<blocks {
                let block = unsafe output + index * byteCount
                if index > 0 {
                    unsafe hash.add(UnsafeRawBufferPointer(start: block - byteCount, count: byteCount))
                }
                for piece in seed { hash.add(piece) }
                hash.add(.open([UInt8(index + 1)]))
                // Inside the scratch memory, which has `blocks` of them.
                unsafe hash.finish(into: block)
            }
            return true
        }!
    }
}
