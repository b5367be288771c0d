/// A block of an outbound SA's sequence numbers that one sender may use until a moment on its own monotonic clock
/// (docs/sequence-leases.md). Since the AEAD nonce is the number, holding the lease is the right to use the nonces.
public struct SequenceLease: Sendable, Hashable {
    /// Names the lease between sequencer and holder; never used twice.
    public var identifier: UInt64
    public var first: UInt64
    /// The number behind the last one.
    public var end: UInt64
    /// Nanoseconds of the holder's CLOCK_MONOTONIC; from then on the rest is thrown away, never used.
    public var validUntil: UInt64

    /// Traps when the block is empty or begins at 0: number 0 is never sent (RFC 4303 §2.2).
    public init(identifier: UInt64, first: UInt64, end: UInt64, validUntil: UInt64) {
        precondition(first > 0 && first < end)
        self.identifier = identifier
        self.first = first
        self.end = end
        self.validUntil = validUntil
    }
}
