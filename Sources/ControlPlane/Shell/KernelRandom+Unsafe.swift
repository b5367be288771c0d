public import Associations
internal import CCrypto

/// getrandom(2): the source of private keys, SPIs and nonces outside of tests and simulations. One call of the kernel each.
public struct KernelRandom: IKERandomness, Sendable {
    public init() {}

    public mutating func next() -> UInt64 {
        var word: UInt64 = 0
        // Writes the 8 bytes of a word, of which any value is right.
        let filled = unsafe ike_random(&word, MemoryLayout<UInt64>.size)
        precondition(filled == 1, "the kernel gives no random bytes")
        return word
    }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // Writes as many bytes as the array has.
        let filled = unsafe count == 0 || ike_random(&bytes, count) == 1
        precondition(filled, "the kernel gives no random bytes")
        return bytes
    }

    public mutating func secret(byteCount: Int) -> SecretBytes {
        // The scratch memory has `byteCount` bytes.
        let secret = unsafe SecretBytes.written(capacity: byteCount, count: byteCount) { scratch in
            unsafe ike_random(scratch, byteCount) == 1
        }
        guard let secret else { preconditionFailure("the kernel gives no random bytes") }
        return secret
    }
}
