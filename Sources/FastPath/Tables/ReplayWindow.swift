/// The anti-replay windows of all SAs of a table (RFC 4303 §3.4.3, appendix A2): for each the highest number seen and a
/// ring of bits below it, one a number, as in RFC 6479: the ring has more words than the window needs, so that moving it
/// only clears words and never shifts them.
///
///     number   ...  top-W+1  ...  top | top+1 ...
///              tooOld |<-- in the window -->|  new: moves the window, once its ICV is right
///
/// Each SA has a ring of its own window's size, from `WindowRings`. Look first, write after the proof: `judge` only asks, and
/// `record` wants an `AuthenticationProof`.
struct ReplayWindows: ~Copyable {
    private var rings: WindowRings
    /// The widest window there is room for.
    let maximumWindow: Int

    /// Rings for `count` SAs of windows up to `maximumWindow` packets.
    init(count: Int, maximumWindow: Int) {
        rings = WindowRings(count: count, widest: WindowRings.wordCount(forWindow: maximumWindow))
        self.maximumWindow = (WindowRings.wordCount(forWindow: maximumWindow) - 1) * 64
    }

    /// The windows for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let words: SlabView<UInt64>

        @inline(__always)
        private func word(_ ring: WindowRing, _ number: UInt64) -> Int {
            Int(truncatingIfNeeded: ring.start) &+ Int(truncatingIfNeeded: number >> 6) & Int(ring.mask)
        }

        @inline(__always)
        func prefetch(_ ring: WindowRing) { words.prefetch(Int(truncatingIfNeeded: ring.start)) }

        /// What speaks against a number; `.pending` when nothing does.
        @inline(__always)
        func judge(_ number: UInt64, top: UInt64, window: UInt64, in ring: WindowRing) -> Verdict {
            if number > top { return .pending }
            if number == 0 { return .sequenceNumberZero }
            if top &- number >= window { return .tooOld }
            return words[word(ring, number)] >> (number & 63) & 1 == 0 ? .pending : .replayed
        }

        /// Marks an authenticated number as seen; returns the window's new highest number. The caller has judged it.
        @inline(__always)
        func record(_ number: UInt64, top: UInt64, in ring: WindowRing, _ proof: AuthenticationProof) -> UInt64 {
            if number >> 6 > top >> 6 { enter(from: top, to: number, in: ring) }
            words[word(ring, number)] |= 1 << (number & 63)
            return max(number, top)
        }

        /// The bits of a window whose highest number is `top`, as `VerifiedNumbers` has them.
        func words(top: UInt64, window: UInt64, in ring: WindowRing) -> [UInt64] {
            let count = min((window &+ 63) >> 6 &+ 1, top >> 6 &+ 1)
            return (0..<count).map { words[word(ring, (top >> 6 &- $0) << 6)] }
        }

        /// Marks what another host has accepted; returns the window's new highest number. Words that lie left of the
        /// ring, and bits beyond `highest`, are passed over.
        func merge(
            _ words: [UInt64], highest: UInt64, top: UInt64, in ring: WindowRing, _ proof: AuthenticationProof
        ) -> UInt64 {
            if highest >> 6 > top >> 6 { enter(from: top, to: highest, in: ring) }
            let newest = max(highest, top)
            for (step, bits) in words.enumerated() where UInt64(step) <= highest >> 6 {
                let place = highest >> 6 &- UInt64(step)
                if newest >> 6 &- place > UInt64(ring.mask) { break }
                let known = step == 0 ? bits & ~0 >> (63 &- highest & 63) : bits
                self.words[word(ring, place << 6)] |= known
            }
            return newest
        }

        /// Clears the words that the window enters; after a jump over the whole ring that is all of them.
        func enter(from top: UInt64, to number: UInt64, in ring: WindowRing) {
            let entered = min(number >> 6 - top >> 6, UInt64(ring.mask) + 1)
            for step in 1...entered { words[word(ring, (top >> 6 &+ step) << 6)] = 0 }
        }
    }

    @inline(__always)
    var reader: Reader { Reader(words: rings.words.view) }

    var digest: Int { rings.words.digest() }

    /// An empty window for an SA. Traps when it is wider than `maximumWindow`, or more are held than there is room for.
    mutating func take(window: Int) -> WindowRing { rings.take(wordCount: WindowRings.wordCount(forWindow: window)) }

    /// The SA is gone.
    mutating func give(_ ring: WindowRing) { rings.give(ring) }

    /// The ring's words, for snapshots in tests.
    func contents(_ ring: WindowRing) -> [UInt64] { (0...Int(ring.mask)).map { rings.words[Int(ring.start) + $0] } }

    /// Words that ever were in use: what the rings take of the machine's memory.
    var usedWordCount: Int { rings.usedWordCount }
}

extension UInt64 {
    /// The number of 64 bits that has these lower 32 (RFC 4303 appendix A2.1): the lowest one that is not left of a window of
    /// `window` packets below `top`. So it may be ahead of `top` by 2^32 - `window` at most.
    ///
    ///     0             bottom       top                              bottom + 2^32
    ///     |---------------|<- window ->|---------------------------------|--------------->
    ///                     |<----------------- one number each ---------->|
    ///
    /// The RFC's cases A and B are one: the distance from the window's left edge, modulo 2^32. Where the window would begin
    /// below 0, it begins there: such numbers there are not.
    @inline(__always)
    init(low: UInt32, top: UInt64, window: UInt64) {
        let bottom = top >= window ? top &- window &+ 1 : 0
        self = bottom &+ UInt64(low &- UInt32(truncatingIfNeeded: bottom))
    }
}
