/// The anti-replay windows of all SAs of a table (RFC 4303 §3.4.3, appendix A2): for each the highest number seen and a
/// ring of bits below it, one a number, as in RFC 6479: the ring has more words than the window needs, so that moving it
/// only clears words and never shifts them.
///
///     number   ...  top-W+1  ...  top | top+1 ...
///              tooOld |<-- in the window -->|  new: moves the window, once its ICV is right
///
/// Look first, write after the proof: `judge` only asks, and `record` wants an `AuthenticationProof`.
struct ReplayWindows: ~Copyable {
    private var words: Slab<UInt64>
    /// Words in a ring: a power of two.
    private let wordsPerWindow: Int

    /// Rings for `count` SAs of windows up to `maximumWindow` packets.
    init(count: Int, maximumWindow: Int) {
        var perWindow = 2
        while (perWindow - 1) * 64 < maximumWindow { perWindow *= 2 }
        wordsPerWindow = perWindow
        words = Slab(repeating: 0, count: count * perWindow)
    }

    /// The widest window there is room for.
    var maximumWindow: Int { (wordsPerWindow - 1) * 64 }

    /// The windows for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let words: SlabView<UInt64>
        fileprivate let wordsPerWindow: Int

        @inline(__always)
        private func word(_ index: Int, _ number: UInt64) -> Int {
            index &* wordsPerWindow &+ Int(truncatingIfNeeded: number >> 6) & (wordsPerWindow &- 1)
        }

        @inline(__always)
        func prefetch(_ index: Int) { words.prefetch(index &* wordsPerWindow) }

        /// What speaks against a number; `.pending` when nothing does.
        @inline(__always)
        func judge(_ number: UInt64, top: UInt64, window: UInt64, at index: Int) -> Verdict {
            if number > top { return .pending }
            if number == 0 { return .sequenceNumberZero }
            if top &- number >= window { return .tooOld }
            return words[word(index, number)] >> (number & 63) & 1 == 0 ? .pending : .replayed
        }

        /// Marks an authenticated number as seen; returns the window's new highest number. The caller has judged it.
        @inline(__always)
        func record(_ number: UInt64, top: UInt64, at index: Int, _ proof: AuthenticationProof) -> UInt64 {
            if number >> 6 > top >> 6 { enter(from: top, to: number, at: index) }
            words[word(index, number)] |= 1 << (number & 63)
            return max(number, top)
        }

        /// Clears the words that the window enters; after a jump over the whole ring that is all of them.
        private func enter(from top: UInt64, to number: UInt64, at index: Int) {
            let entered = min(number >> 6 - top >> 6, UInt64(wordsPerWindow))
            for step in 1...entered { words[word(index, (top >> 6 &+ step) << 6)] = 0 }
        }
    }

    @inline(__always)
    var reader: Reader { Reader(words: words.view, wordsPerWindow: wordsPerWindow) }

    /// Forgets everything: a new SA's window.
    mutating func clear(_ index: Int) {
        for at in 0..<wordsPerWindow { words[index * wordsPerWindow + at] = 0 }
    }

    /// The ring's words, for snapshots in tests.
    func contents(_ index: Int) -> [UInt64] { (0..<wordsPerWindow).map { words[index * wordsPerWindow + $0] } }
}
