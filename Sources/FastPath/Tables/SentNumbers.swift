internal import Associations

/// The ESP packets that were sent last, by SPI and number: so that an error which quotes one is believed, and one that was made
/// up is not. 4,096 of them, in memory taken at start; a younger one takes an older one's place.
struct SentNumbers: ~Copyable {
    struct Entry: BitwiseCopyable {
        var spi: UInt32 = 0
        /// Low 32 bits.
        var number: UInt32 = 0
        /// Seconds; SPI 0 is nobody's.
        var sent: UInt32 = 0
    }

    static let capacity = 4096
    /// Seconds that a packet may take, and the error about it back.
    static let timeoutSeconds: UInt32 = 10

    private var entries = Slab<Entry>(repeating: Entry(), count: capacity)
    var digest: Int { entries.digest() }

    /// Numbers of an SA follow one another, so they fill the table evenly; SPIs are random.
    @inline(__always)
    private func place(_ spi: UInt32, _ number: UInt32) -> Int { Int((spi ^ number) & UInt32(Self.capacity - 1)) }

    @inline(__always)
    mutating func note(_ spi: SPI, _ number: UInt64, now: UInt32) {
        let low = UInt32(truncatingIfNeeded: number)
        entries[place(spi.rawValue, low)] = Entry(spi: spi.rawValue, number: low, sent: now)
    }

    func knows(_ spi: UInt32, _ number: UInt32, now: UInt32) -> Bool {
        let entry = entries[place(spi, number)]
        return spi != 0 && entry.spi == spi && entry.number == number && now &- entry.sent <= Self.timeoutSeconds
    }
}
