import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// The replay window beside RFC 4303 §3.4.3 written down plainly.
struct WindowModel {
    let window: UInt64
    private var top: UInt64 = 0
    private var seen: Set<UInt64> = []

    init(window: UInt64) { self.window = window }

    mutating func receive(_ number: UInt64) -> Verdict {
        if number == 0 { return .sequenceNumberZero }
        if number + window <= top { return .tooOld }
        if !seen.insert(number).inserted { return .replayed }
        top = max(top, number)
        return .steered
    }

    /// Numbers around what a window would do next: onward, back, again, out of reach, a jump.
    func next(_ generator: inout SeededGenerator) -> UInt64 {
        func back(_ most: UInt64) -> UInt64 { top - min(top, UInt64.random(in: 0...most, using: &generator)) }
        let number =
            switch Int.random(in: 0..<16, using: &generator) {
            case 0..<7: top + UInt64.random(in: 1...3, using: &generator)
            case 7..<11: back(window + 2)
            case 11: back(4 * window)
            case 12: top - min(top, window - 1)
            case 13: top - min(top, window)
            case 14: top + UInt64.random(in: 1...3 * window, using: &generator)
            default: generator.once(in: 8) ? 0 : top + UInt64.random(in: 1...100_000, using: &generator)
            }
        return min(number, UInt64(UInt32.max))
    }
}

@Suite struct WindowModelTests {
    static let count = 1500

    private func bench(window: Int, _ provider: Provider, hasESN: Bool = false) -> RouterBench {
        var configuration = Example.configuration()
        configuration.maximumReplayWindow = window
        var bench = Example.bench(provider, configuration)
        var association = association(window)
        association.hasESN = hasESN
        try! bench.router.apply(.install(association))
        return bench
    }

    private func association(_ window: Int) -> SecurityAssociation {
        var association = Example.tunnel
        association.replayWindow = window
        return association
    }

    private static let inner = Example.innerTCP(flags: TCPFlags.ack)

    private func frame(_ number: UInt64) -> Bytes { Example.tunnelFrame(number: number, Self.inner) }

    @Test(arguments: [32, 64, 128, 1024, 4096]) func oneByOne(_ window: Int) {
        var generator = SeededGenerator(seed: UInt64(window))
        var model = WindowModel(window: UInt64(window))
        var bench = bench(window: window, Provider.available[0])
        var verdicts: Set<Verdict> = []
        for step in 0..<Self.count {
            let number = model.next(&generator)
            let expected = model.receive(number)
            verdicts.insert(expected)
            #expect(bench.send(frame(number)).verdict == expected, "step \(step): \(number)")
        }
        #expect(verdicts == [.steered, .replayed, .tooOld, .sequenceNumberZero], "the sequence tries them all")
    }

    /// How many come in a batch makes no difference to any of them.
    @Test(arguments: [32, 64, 128, 1024, 4096], Provider.available) func inBatches(_ window: Int, _ provider: Provider)
    {
        var generator = SeededGenerator(seed: UInt64(window) + 1)
        var model = WindowModel(window: UInt64(window))
        var bench = bench(window: window, provider)
        var left = Self.count
        while left > 0 {
            let size = min(Int.random(in: 1...64, using: &generator), left)
            left -= size
            var numbers: [UInt64] = []
            var expected: [Verdict] = []
            for _ in 0..<size {
                // Numbers of the batch itself come again, too.
                let again = generator.once(in: 6) ? numbers.randomElement(using: &generator) : nil
                let number = again ?? model.next(&generator)
                numbers.append(number)
                expected.append(model.receive(number))
            }
            #expect(bench.send(numbers.map(frame)).map(\.verdict) == expected, "\(numbers)")
        }
    }

    /// The last numbers that 32 bits hold.
    @Test func atTheEndOfTheNumbers() {
        var model = WindowModel(window: 64)
        var bench = bench(window: 64, Provider.available[0])
        let end = UInt64(UInt32.max)
        for number in [end - 100, end - 40, end - 103, end - 104, end, end, end - 63, end - 64, end - 1, 1, 0] {
            #expect(bench.send(frame(number)).verdict == model.receive(number), "\(number)")
        }
    }
}
