internal import CCrypto

/// getrandom(2): the source of SPIs and nonces outside of tests and simulations.
public struct KernelRandom: IKERandomness, Sendable {
    public init() {}

    public mutating func next() -> UInt64 {
        var word: UInt64 = 0
        // Writes the 8 bytes of a word, of which any value is right.
        let filled = unsafe ike_random(&word, MemoryLayout<UInt64>.size)
        precondition(filled == 1, "the kernel gives no random bytes")
        return word
    }
}
