internal import Associations

/// Finds an SA's place by its SPI: open addressing, eight slots to a cache line, at most half full.
///
/// The SPI alone names a unicast SA (RFC 4301 §4.1); ours are chosen by us and are unique.
struct SPIIndex: ~Copyable {
    struct Slot: BitwiseCopyable {
        var spi: UInt32
        /// Index plus one; 0 is an empty slot.
        var place: Int32
    }

    private var slots: Slab<Slot>
    private let mask: Int
    private let shift: UInt64

    /// Room for `capacity` SPIs.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = Slab(repeating: Slot(spi: 0, place: 0), count: size)
        mask = size - 1
        shift = UInt64(64 - size.trailingZeroBitCount)
    }

    /// The index for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let slots: SlabView<Slot>
        fileprivate let shift: UInt64

        /// Fibonacci hashing. The SPIs in the table are ours and random, so nobody can crowd one bucket.
        @inline(__always)
        fileprivate func home(_ spi: SPI) -> Int {
            Int(truncatingIfNeeded: (UInt64(spi.rawValue) &* 0x9E37_79B9_7F4A_7C15) &>> shift)
        }

        /// Asks for the cache line in which the lookup begins.
        @inline(__always)
        func prefetch(_ spi: SPI) { slots.prefetch(home(spi)) }

        /// The SA's index, or -1.
        @inline(__always)
        func find(_ spi: SPI) -> Int32 {
            var at = home(spi)
            while true {
                let slot = slots[at]
                if slot.place == 0 { return -1 }
                if slot.spi == spi.rawValue { return slot.place &- 1 }
                at = (at &+ 1) & (slots.count &- 1)
            }
        }
    }

    @inline(__always)
    var reader: Reader { Reader(slots: slots.view, shift: shift) }

    private func home(_ spi: SPI) -> Int { reader.home(spi) }

    func find(_ spi: SPI) -> Int32 { reader.find(spi) }

    /// The caller keeps the number of SPIs within the capacity, so there is always an empty slot.
    mutating func insert(_ spi: SPI, at index: Int32) {
        var at = home(spi)
        while slots[at].place != 0 && slots[at].spi != spi.rawValue { at = (at + 1) & mask }
        slots[at] = Slot(spi: spi.rawValue, place: index + 1)
    }

    /// Closes the gap it leaves, so that lookups may stop at the first empty slot.
    mutating func remove(_ spi: SPI) {
        var gap = home(spi)
        while slots[gap].spi != spi.rawValue {
            if slots[gap].place == 0 { return }
            gap = (gap + 1) & mask
        }
        if slots[gap].place == 0 { return }
        var at = (gap + 1) & mask
        while slots[at].place != 0 {
            let want = home(SPI(rawValue: slots[at].spi))
            // Move it back unless its home lies between the gap and itself.
            if (at - want) & mask >= (at - gap) & mask {
                slots[gap] = slots[at]
                gap = at
            }
            at = (at + 1) & mask
        }
        slots[gap] = Slot(spi: 0, place: 0)
    }
}
