import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// RFC 4303 §3.4.3 with extended sequence numbers: what becomes of a packet that its sender gave `number`, when 32 bits of
/// that came.
struct ESNModel {
    let window: UInt64
    private(set) var top: UInt64 = 0
    private var seen: Set<UInt64> = []

    init(window: UInt64) { self.window = window }

    /// Appendix A2.1 as it is written, cases A and B. In case B of the first 2^32 numbers there are none below.
    static func inferred(_ low: UInt64, top: UInt64, window: UInt64) -> UInt64 {
        let (th, tl) = (top >> 32, top & 0xFFFF_FFFF)
        if tl >= window - 1 {
            return (low >= tl + 1 - window ? th : th + 1) << 32 | low
        }
        let bl = (tl + 1 << 32) - window + 1
        return (low >= bl && th > 0 ? th - 1 : th) << 32 | low
    }

    /// Whether the ICV is right under the number that is inferred now.
    func isAuthentic(_ number: UInt64, isForged: Bool) -> Bool {
        !isForged && Self.inferred(number & 0xFFFF_FFFF, top: top, window: window) == number
    }

    mutating func receive(_ number: UInt64, isForged: Bool = false) -> Verdict {
        let inferred = Self.inferred(number & 0xFFFF_FFFF, top: top, window: window)
        if inferred == 0 { return .sequenceNumberZero }
        if seen.contains(inferred) { return .replayed }
        guard inferred == number, !isForged else { return .badICV }
        seen.insert(number)
        top = max(top, number)
        return .steered
    }

    /// Numbers around what a window would do next, now and then nearly 2^32 ahead.
    func next(_ generator: inout SeededGenerator) -> UInt64 {
        func back(_ most: UInt64) -> UInt64 { top - min(top, UInt64.random(in: 0...most, using: &generator)) }
        return switch Int.random(in: 0..<16, using: &generator) {
        case 0..<7: top + UInt64.random(in: 1...3, using: &generator)
        case 7..<11: back(window + 2)
        case 11: back(4 * window)
        case 12: top - min(top, window - 1)
        case 13: top - min(top, window)
        case 14: top + (1 << 32) - window - UInt64.random(in: 0...40, using: &generator)
        default: (top >> 32 + 1) << 32 - UInt64.random(in: 1...3, using: &generator)
        }
    }
}

@Suite struct ESNTests {
    static let windows = [32, 64, 1024, 4096]
    private static let inner = Example.innerTCP(flags: TCPFlags.ack)

    private static func sa(_ window: Int, _ transform: Transform = .aes128gcm16) -> SecurityAssociation {
        association(
            spi: 0xC200_0001, from: Example.client, to: Example.gateway, transform, remote: "10.71.0.0/24",
            local: "10.72.0.0/24", window: window, hasESN: true)
    }

    private static func bench(_ association: SecurityAssociation, _ provider: Provider) -> RouterBench {
        var configuration = Example.configuration()
        configuration.maximumReplayWindow = 4096
        var bench = Example.bench(provider, configuration)
        try! bench.router.apply(.install(association))
        return bench
    }

    private static func frame(
        _ number: UInt64, _ association: SecurityAssociation, isForged: Bool = false
    ) -> Bytes {
        Example.tunnelFrame(
            number: number, inner, under: association, espFault: ESPFault(otherKey: isForged))
    }

    /// Both edges of the window, before 2^32, across it, and with the next 2^32.
    @Test(arguments: windows, Provider.available) func theEdgesOfTheWindow(_ window: Int, _ provider: Provider) {
        let association = Self.sa(window)
        var bench = Self.bench(association, provider)
        let (end, width) = (UInt64(1) << 32, UInt64(window))
        let steps: [(UInt64, Verdict)] = [
            (1, .steered), (end - width, .steered),
            // Its right edge comes to the last number of 32 bits, then over it.
            (end - 1, .steered), (end - width, .replayed), (end - width + 1, .steered),
            (end, .steered), (end - width, .badICV), (end - width + 1, .replayed), (end - width + 2, .steered),
            (end, .replayed), (end - 1, .replayed),
            // Its left edge does.
            (end + width - 2, .steered), (end - 1, .replayed), (end, .replayed), (end - 2, .badICV),
            (end + width - 1, .steered), (end - 1, .badICV), (end, .replayed), (end + 1, .steered),
            (end + width, .steered), (end, .badICV), (end + 1, .replayed),
            // As far ahead as 32 bits can tell, and one further.
            (2 * end + 2, .badICV), (2 * end + 1, .replayed), (2 * end, .steered), (end + width, .badICV),
            (2 * end - width, .badICV), (2 * end + 1 - width, .steered),
            // The upper half matters, not only whether it is 0.
            (end + 7, .badICV), (7, .badICV), (2 * end + 7, .steered),
        ]
        for (step, (number, verdict)) in steps.enumerated() {
            let outcome = bench.send(Self.frame(number, association))
            #expect(outcome.verdict == verdict, "step \(step): \(number)")
        }
        #expect(bench.router.stateSnapshot().associations.contains { $0.top == 2 * end + 7 })
    }

    /// One by one and in batches, forged ones among them, beside the RFC written down plainly: what comes in one batch makes
    /// no difference to any of them.
    @Test(arguments: windows, Provider.available) func besideTheModel(_ window: Int, _ provider: Provider) {
        for (round, transform) in [Transform.aes128gcm16, .aes256sha256, .aes192gcm16].enumerated() {
            var generator = SeededGenerator(seed: UInt64(window + round))
            let association = Self.sa(window, transform)
            var model = ESNModel(window: UInt64(window))
            var bench = Self.bench(association, provider)
            var verdicts: Set<Verdict> = []
            var left = 600
            while left > 0 {
                let size = generator.once(in: 3) ? 1 : min(Int.random(in: 1...64, using: &generator), left)
                left -= size
                var frames: [Bytes] = []
                var numbers: [UInt64] = []
                var expected: [Verdict] = []
                var isAuthentic: [Bool] = []
                for _ in 0..<size {
                    let again = generator.once(in: 6) ? numbers.randomElement(using: &generator) : nil
                    let number = again ?? model.next(&generator)
                    let isForged = generator.once(in: 6)
                    numbers.append(number)
                    frames.append(Self.frame(number, association, isForged: isForged))
                    isAuthentic.append(model.isAuthentic(number, isForged: isForged))
                    expected.append(model.receive(number, isForged: isForged))
                }
                verdicts.formUnion(expected)
                let found = bench.send(frames).map(\.verdict)
                for index in 0..<size where found[index] != expected[index] {
                    // Of what bears the number of another packet of the batch the ICV is looked at first.
                    #expect(
                        found[index] == .badICV && expected[index] == .replayed && !isAuthentic[index],
                        "\(numbers[index]) is \(found[index]), not \(expected[index])")
                }
            }
            #expect(verdicts.isSuperset(of: [.steered, .replayed, .badICV]), "the sequence tries them all")
            #expect(model.top > 1 << 34)
        }
    }

    /// What nobody authenticated moves no window, however far ahead it claims to be.
    @Test(arguments: Provider.available) func aForgedNumberMovesNothing(_ provider: Provider) {
        let association = Self.sa(64)
        var bench = Self.bench(association, provider)
        let first = bench.send(Self.frame(100, association))
        #expect(first.verdict == .steered)
        let before = bench.router.stateSnapshot()
        let numbers: [UInt64] = [1 << 31, 0xFFFF_FFFF, 0x1_0000_0000, 99, 0x1_0000_0024]
        let outcomes = bench.send(numbers.map { Self.frame($0, association, isForged: true) })
        #expect(outcomes.allSatisfy { $0.verdict == .badICV })
        #expect(bench.router.stateSnapshot() == before)
        // Between forged ones, and in one batch with them, the peer's own are what they were.
        let mixed = bench.send(
            [101, 1 << 31, 102, 0xFFFF_FFF0, 103].map { Self.frame($0, association, isForged: $0 > 1000) })
        #expect(mixed.map(\.verdict) == [.steered, .badICV, .steered, .badICV, .steered])
    }

    /// Without ESN nothing of this is: 32 bits are the number.
    @Test func withoutESNNumbersEnd() {
        var association = Self.sa(64)
        association.hasESN = false
        var bench = Self.bench(association, .openSSL)
        let verdicts = [0xFFFF_FFF0, 0xFFFF_FFFF, 5, 0].map { bench.send(Self.frame($0, association)).verdict }
        #expect(verdicts == [.steered, .steered, .tooOld, .sequenceNumberZero])
    }
}

/// Targets and endpoints under ESN.
@Suite struct HostESNTests {
    private static let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))

    private static func sa(_ direction: Direction, hasESN: Bool = true) -> SecurityAssociation {
        direction == .inbound
            ? association(
                spi: 0xC200_0001, from: Example.client, to: Example.gateway, remote: "10.71.0.0/24",
                local: "10.72.0.0/24", hasESN: hasESN)
            : association(
                spi: 0xD200_0001, .outbound, from: Example.gateway, to: Example.client, remote: "10.71.0.0/24",
                local: "10.72.0.0/24", hasESN: hasESN)
    }

    private static func target(_ association: SecurityAssociation, _ provider: Provider) -> HostBench {
        var bench = HostBench(Example.targetConfiguration(), provider)
        try! bench.host.apply(.install(association))
        return bench
    }

    private static func packet(_ number: UInt64, _ association: SecurityAssociation) -> Bytes {
        Example.wrapped(Example.tunnelFrame(number: number, under: association))
    }

    /// A target whose connections were idle while the SA's numbers went on.
    @Test(arguments: Provider.available) func aTargetThatMissedMuchIsToldWhereTheNumbersAre(_ provider: Provider) {
        let association = Self.sa(.inbound)
        var bench = Self.target(association, provider)
        #expect(bench.open(Self.packet(5, association)).verdict == .delivered)
        let far: UInt64 = 3 << 32 + 17
        #expect(bench.open(Self.packet(far, association)).verdict == .badICV, "32 bits do not tell it")
        try! bench.host.apply(.advance(association.spi, far - 1 << 30))
        #expect(bench.open(Self.packet(far, association)).verdict == .delivered)
        #expect(bench.open(Self.packet(far, association)).verdict == .replayed)
        #expect(bench.open(Self.packet(far + 1 << 31, association)).verdict == .delivered)
        // A floor that comes late moves nothing back, nor does it forget what was seen.
        try! bench.host.apply(.advance(association.spi, far))
        #expect(bench.open(Self.packet(far + 1 << 31, association)).verdict == .replayed)
        // Nobody has the SA, or it has no ESN.
        try! bench.host.apply(.advance(SPI(rawValue: 0xC2FF_0000), far))
    }

    @Test func aFloorIsNothingToAnSAWithoutESN() {
        let association = Self.sa(.inbound, hasESN: false)
        var bench = Self.target(association, .openSSL)
        try! bench.host.apply(.advance(association.spi, 1 << 20))
        #expect(bench.open(Self.packet(5, association)).verdict == .delivered)
    }

    /// The number after the floor is good once, the floor itself, too, and what is left of the window is not.
    @Test(arguments: [1, 63, 64, 65, 4095, 4096, 100_000] as [UInt64]) func aFloorIsAnEmptyWindow(_ step: UInt64) {
        let association = Self.sa(.inbound)
        var bench = Self.target(association, .openSSL)
        for number in 1...70 as ClosedRange<UInt64> {
            #expect(bench.open(Self.packet(number, association)).verdict == .delivered)
        }
        try! bench.host.apply(.advance(association.spi, 70 + step))
        let steps: [(UInt64, Verdict)] = [
            (70 + step, .delivered), (70 + step, .replayed), (71 + step, .delivered),
            (70, step <= 62 ? .replayed : .badICV),
        ]
        for (number, verdict) in steps {
            #expect(bench.open(Self.packet(number, association)).verdict == verdict, "\(number)")
        }
    }

    /// All within one batch, as the router does it.
    @Test(arguments: Provider.available) func aBatchCrosses(_ provider: Provider) {
        let association = Self.sa(.inbound)
        var bench = Self.target(association, provider)
        let end: UInt64 = 1 << 32
        let numbers = [1, end - 70, end - 1, end, 2 * end - 64, 2 * end - 1, 2 * end, end + 5, 2 * end]
        let opened = bench.open(numbers.map { Self.packet($0, association) })
        #expect(opened.map(\.verdict) == Array(repeating: .delivered, count: 7) + [.badICV, .replayed])
    }

    @Test(arguments: Provider.available) func numbersGoOnBeyond32Bits(_ provider: Provider) {
        let association = Self.sa(.outbound)
        var bench = Self.target(association, provider)
        let end: UInt64 = 1 << 32
        try! bench.host.apply(.lease(association.spi, Example.lease(end - 2, end + 2)))
        for number in end - 2..<end + 2 {
            let sealed = bench.seal(Self.answer)
            #expect(sealed.verdict == .sealed)
            #expect(sealed.bytes.dropFirst(20) == esp(association, number: number, nextHeader: 4, Self.answer)[...])
        }
        #expect(bench.seal(Self.answer).verdict == .pending)
    }

    /// A lease that says otherwise is not believed: a number that wraps is a nonce twice.
    @Test func without32BitsAreAll() {
        let association = Self.sa(.outbound, hasESN: false)
        var bench = Self.target(association, .openSSL)
        let end: UInt64 = 1 << 32
        try! bench.host.apply(.lease(association.spi, Example.lease(end - 2, end + 2)))
        let verdicts = (0..<4).map { _ in bench.seal(Self.answer).verdict }
        #expect(verdicts == [.sealed, .sealed, .pending, .pending])
        try! bench.host.apply(.lease(association.spi, Example.lease(end + 2, end + 5)))
        #expect(bench.seal(Self.answer).verdict == .pending)
    }

    /// Packets that are made to be thrown away, at a target: quietly, and counted.
    @Test(arguments: Provider.available) func dummiesAndPaddingAtATarget(_ provider: Provider) {
        let association = Self.sa(.inbound)
        var bench = Self.target(association, provider)
        let inner = Example.innerTCP(flags: TCPFlags.ack)
        func packet(_ number: UInt64, _ payload: Bytes, next: UInt8 = 4, _ fault: ESPFault = ESPFault()) -> Bytes {
            Example.wrapped(
                Example.tunnelFrame(number: number, payload, nextHeader: next, under: association, espFault: fault))
        }
        #expect(bench.open(packet(1, [], next: 59)).verdict == .dummy)
        #expect(bench.open(packet(2, Bytes(repeating: 7, count: 900), next: 59)).verdict == .dummy)
        #expect(bench.open(packet(2, [], next: 59)).verdict == .replayed, "a dummy has a number like any other")
        // Bytes behind the inner packet (RFC 4303 §2.7) are no part of what is delivered.
        let padded = bench.open(packet(3, inner + Bytes(repeating: 0xEE, count: 333)))
        #expect(padded.verdict == .delivered && padded.bytes == inner)
        // As much padding as a trailer can tell of, beside what aligns.
        for (index, padding) in stride(from: (2 - inner.count) & 3, through: 255, by: 4).enumerated() {
            let outcome = bench.open(packet(10 + UInt64(index), inner, ESPFault(padding: padding)))
            #expect(outcome.verdict == .delivered && outcome.bytes == inner, "\(padding) bytes of padding")
        }
        #expect(bench.open(packet(200, [])).verdict == .malformedInner, "nothing inside is no packet")
        #expect(bench.host.counters.snapshot()["dummy"] == 2)
    }
}
