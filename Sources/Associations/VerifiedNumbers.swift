/// Which numbers of an inbound SA somebody has verified: a replay window as it stands. To take in the same twice changes
/// nothing, so a lost one does no harm, and the union of all hosts' is the window of who sees every packet.
public struct VerifiedNumbers: Sendable, Hashable {
    public var spi: SPI
    /// The highest number accepted, of 64 bits with ESN.
    public var highest: UInt64
    /// A bit for each number, 64 a word, from the word of `highest` downwards: bit n of word k stands for
    /// (`highest` / 64 - k) * 64 + n.
    public var words: [UInt64]

    /// What the widest window fills, wherever it begins in a word.
    public static let wordLimit = SecurityAssociation.replayWindowRange.upperBound / 64 + 1

    public init(spi: SPI, highest: UInt64, words: [UInt64]) {
        self.spi = spi
        self.highest = highest
        self.words = words
    }
}
