/// Where an SA's ring lies: it has `mask` + 1 words, a power of two.
struct WindowRing: BitwiseCopyable, Equatable {
    var start: UInt32 = 0
    var mask: UInt8 = 0
}

/// A piece of their memory that is cut into rings of one size.
struct WindowBlock: BitwiseCopyable {
    /// Its rings that are free, as bits.
    var free: UInt64 = 0
    /// Words of each ring; 0 while it is not cut.
    var ringWordCount: UInt32 = 0
    /// In the list of its kind: block + 1, or 0 for none.
    var next: UInt32 = 0
    var previous: UInt32 = 0
}

/// The memory of replay windows: rings of 2 to 128 words, each SA's as large as its window needs.
///
///     | block: rings of 2 words, up to 64 | block: one of 128 | block: rings of 32 | never used ...
///
/// Blocks are as large as the widest ring. One is cut into rings of a size when the first of that size is wanted, and whole
/// again when the last one is given back. There are as many blocks as SAs: while fewer SAs than that hold a ring, some block is
/// free, so rings never run out. Address space is taken for all of it at start; memory of the machine, page by page, only for
/// what is in use.
struct WindowRings: ~Copyable {
    private(set) var words: Slab<UInt64>
    private var blocks: Slab<WindowBlock>
    private let blockWordCount: Int
    /// The first block with free rings of 2, 4, ... 128 words: block + 1, or 0 for none.
    private var open: [UInt32] = Array(repeating: 0, count: 7)
    /// The first block that was in use and is whole again, the same.
    private var whole: UInt32 = 0
    /// Blocks from here on were never in use.
    private var firstUnused = 0

    /// Traps unless `widest` is a power of two from 2 to 128.
    init(count: Int, widest: Int) {
        precondition((2...128).contains(widest) && widest.nonzeroBitCount == 1 && count * widest <= Int(UInt32.max))
        words = Slab(zeroed: count * widest)
        blocks = Slab(zeroed: count)
        blockWordCount = widest
    }

    /// Words in a ring for a window: one more than it fills, so that moving it only clears words.
    static func wordCount(forWindow window: Int) -> Int {
        var count = 2
        while (count - 1) * 64 < window { count *= 2 }
        return count
    }

    var usedWordCount: Int { firstUnused * blockWordCount }

    /// A ring of zeroes. Traps when it is wider than a block, or more are held than there are blocks.
    mutating func take(wordCount: Int) -> WindowRing {
        precondition(wordCount <= blockWordCount)
        let kind = Self.kind(wordCount)
        if open[kind] == 0 { cut(unusedBlock(), into: wordCount) }
        let block = Int(open[kind]) - 1
        let place = blocks[block].free.trailingZeroBitCount
        blocks[block].free &= blocks[block].free - 1
        if blocks[block].free == 0 { unlink(block) }
        let start = block * blockWordCount + place * wordCount
        for word in start..<start + wordCount { words[word] = 0 }
        return WindowRing(start: UInt32(start), mask: UInt8(wordCount - 1))
    }

    mutating func give(_ ring: WindowRing) {
        let wordCount = Int(ring.mask) + 1
        let block = Int(ring.start) / blockWordCount
        let place = Int(ring.start) % blockWordCount / wordCount
        precondition(Int(blocks[block].ringWordCount) == wordCount && blocks[block].free >> UInt64(place) & 1 == 0)
        if blocks[block].free == 0 { link(block) }
        blocks[block].free |= 1 << UInt64(place)
        guard blocks[block].free == allFree(wordCount) else { return }
        unlink(block)
        blocks[block] = WindowBlock(next: whole)
        whole = UInt32(block + 1)
    }

    private mutating func unusedBlock() -> Int {
        if whole > 0 {
            let block = Int(whole) - 1
            whole = blocks[block].next
            return block
        }
        precondition(firstUnused < blocks.count, "fewer SAs than blocks hold a ring")
        firstUnused += 1
        return firstUnused - 1
    }

    private mutating func cut(_ block: Int, into wordCount: Int) {
        blocks[block] = WindowBlock(free: allFree(wordCount), ringWordCount: UInt32(wordCount))
        link(block)
    }

    private func allFree(_ wordCount: Int) -> UInt64 { .max >> UInt64(64 - blockWordCount / wordCount) }

    private static func kind(_ wordCount: Int) -> Int { wordCount.trailingZeroBitCount - 1 }

    private mutating func link(_ block: Int) {
        let kind = Self.kind(Int(blocks[block].ringWordCount))
        blocks[block].next = open[kind]
        blocks[block].previous = 0
        if open[kind] > 0 { blocks[Int(open[kind]) - 1].previous = UInt32(block + 1) }
        open[kind] = UInt32(block + 1)
    }

    private mutating func unlink(_ block: Int) {
        let (next, previous) = (blocks[block].next, blocks[block].previous)
        if next > 0 { blocks[Int(next) - 1].previous = previous }
        if previous > 0 {
            blocks[Int(previous) - 1].next = next
        } else {
            open[Self.kind(Int(blocks[block].ringWordCount))] = next
        }
    }
}
