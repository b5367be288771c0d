public import Associations
internal import Wire

/// Randomness for the sessions of one process, whose SPIs do not come twice and cannot be guessed.
///
/// An ESP SPI is the place of a counter under a pseudorandom permutation of 32 bits: six rounds of Luby and Rackoff, their
/// function HMAC-SHA-256 under a key that is drawn at the start. A permutation meets every number once, so nothing has to be
/// remembered of the SPIs that were given; what a process before had given is unknown, and the keys under it are gone.
/// IKE SPIs have 64 bits and are drawn: two alike among the first billion come once in thirty-seven such lives.
public struct UniqueSPIs<Source: IKERandomness & Sendable>: IKERandomness, Sendable {
    private var source: Source
    private let key: SecretBytes
    private var counter: UInt32 = 0
    /// Never given: those of manual SAs.
    private let taken: Set<SPI>
    private static var rounds: Int { 6 }

    public init(_ source: Source, taken: Set<SPI> = []) {
        var source = source
        key = source.secret(byteCount: 32)
        self.source = source
        self.taken = taken
    }

    public mutating func next() -> UInt64 { source.next() }
    public mutating func secret(byteCount: Int) -> SecretBytes { source.secret(byteCount: byteCount) }
    public mutating func bytes(_ count: Int) -> [UInt8] { source.bytes(count) }

    /// Traps when all 2^32 - 256 are used up: at a thousand a second after fifty days, which a new epoch ends earlier.
    public mutating func espSPI() -> SPI {
        while true {
            let spi = SPI(rawValue: permuted(counter))
            let (next, isOver) = counter.addingReportingOverflow(1)
            precondition(!isOver, "every SPI of this epoch is used up")
            counter = next
            if spi.rawValue > 255, !taken.contains(spi) { return spi }
        }
    }

    /// A bijection, whatever the rounds' function is: each round swaps the halves and changes one by the other.
    func permuted(_ number: UInt32) -> UInt32 {
        var left = UInt16(truncatingIfNeeded: number >> 16)
        var right = UInt16(truncatingIfNeeded: number)
        var hash = KeyedHash(.sha256, key: .secret(key))
        for round in 0..<Self.rounds {
            hash.add(.open([UInt8(round), UInt8(right >> 8), UInt8(truncatingIfNeeded: right)]))
            let mixed = hash.finish()
            (left, right) = (right, left ^ (UInt16(mixed[0]) << 8 | UInt16(mixed[1])))
        }
        return UInt32(left) << 16 | UInt32(right)
    }
}
