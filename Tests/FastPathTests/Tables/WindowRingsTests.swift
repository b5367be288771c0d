import TestSupport
import Testing

@testable import FastPath

/// Rings beside a plain account of who holds which words.
@Suite struct WindowRingsTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func ringsAreEmptyAndNobodyElses(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = 40
        var windows = ReplayWindows(count: count, maximumWindow: 4096)
        var held: [WindowRing] = []
        for step in 0..<4000 {
            // Phases in which nearly all are narrow, and in which nearly all are wide.
            let isWide = step / 500 % 2 == 1
            if held.count < count && (held.isEmpty || generator.once(in: 2)) {
                let window = (isWide ? [1024, 4096, 4096, 32] : [32, 64, 128, 300, 4096]).randomElement(
                    using: &generator)!
                let ring = windows.take(window: window)
                let contents = windows.contents(ring)
                #expect(contents.allSatisfy { $0 == 0 })
                #expect(Int(ring.mask) * 64 >= window && (ring.mask == 1 || (Int(ring.mask) - 1) / 2 * 64 < window))
                let words = Int(ring.start)...Int(ring.start) + Int(ring.mask)
                #expect(held.allSatisfy { !words.overlaps(Int($0.start)...Int($0.start) + Int($0.mask)) })
                held.append(ring)
                // Marked throughout, so that the next one to get it would see it.
                for word in 0...UInt64(ring.mask) {
                    _ = windows.reader.record(word << 6 | 1, top: .max, in: ring, .ofReport)
                }
            } else {
                windows.give(held.remove(at: Int.random(in: 0..<held.count, using: &generator)))
            }
        }
        // However they were cut, there is room for the widest of all.
        for ring in held { windows.give(ring) }
        for _ in 0..<count { _ = windows.take(window: 4096) }
        let used = windows.usedWordCount
        #expect(used == count * 128)
    }

    /// A window of its own size: what a table takes is what its SAs need.
    @Test func narrowWindowsTakeLittle() {
        let count = 100_000
        var windows = ReplayWindows(count: count, maximumWindow: 4096)
        for _ in 0..<count - 10 { _ = windows.take(window: 64) }
        for _ in 0..<10 { _ = windows.take(window: 4096) }
        let used = windows.usedWordCount
        #expect(used < count * 2 + 12 * 128)
    }

    @Test(arguments: [(32, 2), (64, 2), (65, 4), (128, 4), (192, 4), (193, 8), (1024, 32), (4032, 64), (4096, 128)])
    func aRingHasAWordMoreThanItsWindowFills(_ window: Int, _ words: Int) {
        #expect(WindowRings.wordCount(forWindow: window) == words)
    }

    /// The inference beside appendix A2.1's two cases, about every edge that there is.
    @Test(arguments: [32, 64, 1024, 4096] as [UInt64]) func theUpperHalf(_ window: UInt64) {
        var generator = SeededGenerator(seed: window)
        let end: UInt64 = 1 << 32
        var tops: [UInt64] = [0, 1, window - 2, window - 1, window, window + 1]
        for turn in [1, 2, 7, 1 << 30] as [UInt64] {
            tops += [turn * end - 1, turn * end, turn * end + 1]
            tops += [turn * end + window - 2, turn * end + window - 1, turn * end + window]
            tops.append(turn * end + UInt64.random(in: 0..<end, using: &generator))
        }
        for top in tops {
            var lows = [top, top &+ 1, top &- 1, 0, end - 1, end / 2, top &+ end / 2]
            for step in 0...3 as ClosedRange<UInt64> { lows += [top &- window &+ step, top &- window &- step] }
            lows += (0..<20).map { _ in UInt64.random(in: 0..<end, using: &generator) }
            for low in lows.map({ $0 & (end - 1) }) {
                let number = UInt64(low: UInt32(low), top: top, window: window)
                #expect(number == ESNModel.inferred(low, top: top, window: window), "\(low) below \(top)")
                #expect(number & (end - 1) == low)
                // In the window, or ahead of it by less than would be its own 32 bits again.
                #expect(number > top || top - number < window || number < end)
                #expect(number <= top || number - top <= end - window || top < window)
            }
        }
    }
}
