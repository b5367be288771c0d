public import Associations
internal import CCrypto
internal import CMachine

extension SecretBytes {
    /// The first `count` of the `capacity` bytes that `body` writes; nil when it says that it failed. What it wrote is
    /// wiped, but for the copy that is returned.
    @unsafe
    static func written(
        capacity: Int, count: Int, by body: (UnsafeMutableRawPointer) -> Bool
    ) -> SecretBytes? {
        precondition(count <= capacity)
        // The scratch memory ends with the closure and is wiped before; the new value copies what it keeps.
        return unsafe withUnsafeTemporaryAllocation(byteCount: max(capacity, 1), alignment: 16) { scratch in
            let start = scratch.baseAddress!
            defer { unsafe machine_wipe(start, scratch.count) }
            guard unsafe body(start) else { return nil }
            return unsafe SecretBytes(UnsafeRawBufferPointer(start: start, count: count))
        }
    }

    /// A copy of a part; traps when the part is not inside.
    public func part(_ range: Range<Int>) -> SecretBytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // Inside, by the precondition; copied before the pointer ends.
        return unsafe withUnsafeBytes { unsafe SecretBytes(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Whether both hold the same bytes, in a time that depends on nothing but their lengths.
    public func matches(_ other: SecretBytes) -> Bool {
        guard count == other.count else { return false }
        // Both are as long as `count` says and only read.
        return unsafe withUnsafeBytes { a in
            unsafe other.withUnsafeBytes { b in
                guard let first = a.baseAddress, let second = b.baseAddress else { return count == 0 }
                return unsafe ike_equal(first, second, count) == 1
            }
        }
    }

    /// A copy that nobody wipes, for what a message will show: an AUTH payload's code, a salt that stays in a nonce; never a key.
    var disclosed: [UInt8] {
        // Copied before the pointer ends.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}

/// Whether both are the same bytes, in a time that depends on nothing but their lengths.
func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    // Both have a.count bytes; they are only read.
    return unsafe a.isEmpty || ike_equal(a, b, a.count) == 1
}
