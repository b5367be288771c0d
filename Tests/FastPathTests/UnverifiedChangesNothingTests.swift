import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// I3: what is unverified changes no state. Valid frames, damaged in every way that comes to mind.
///
/// Whether a frame is authentic is not asked of the router: it is when the ESP packet in it is, byte for byte, one that
/// was sealed under an SA.
@Suite struct UnverifiedChangesNothingTests {
    /// Frames as peers send them, and the ESP packets in them.
    struct Traffic {
        var frames: [Bytes] = []
        var packets: Set<Bytes> = []

        init(seed: UInt64, count: Int, firstNumber: UInt64) {
            var generator = SeededGenerator(seed: seed)
            for step in 0..<count {
                let number = firstNumber + UInt64(step)
                let flags = generator.once(in: 4) ? TCPFlags.syn : TCPFlags.ack
                let port = UInt16.random(in: 40000...40007, using: &generator)
                let payload = Int.random(in: 0...200, using: &generator)
                let options = Bytes(repeating: 1, count: generator.once(in: 8) ? 8 : 0)
                let frame =
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0:
                        Example.tunnelFrame(
                            number: number,
                            Example.innerTCP(port: port, flags: flags, payload: payload, options: options))
                    case 1:
                        Example.transportFrame(
                            number: number, tcp(port, 80, flags: flags, generator.bytes(payload)))
                    default:
                        Example.tunnelFrame(
                            number: number,
                            Example.innerTCP(port: port, flags: flags, payload: payload, source: "10.71.9.7"),
                            under: Example.narrow)
                    }
                frames.append(frame)
                packets.insert(Bytes(frame.dropFirst(34)))
            }
        }

        /// The frame carries an ESP packet that was sealed.
        func isAuthentic(_ frame: Bytes) -> Bool {
            guard frame.count >= 34 else { return false }
            let header = Int(frame[14] & 15) * 4
            let total = Int(frame[16]) << 8 | Int(frame[17])
            guard total > header, 14 + total <= frame.count else { return false }
            return packets.contains(Bytes(frame[(14 + header)..<(14 + total)]))
        }
    }

    /// One way of damaging a frame.
    enum Damage: CaseIterable, CustomTestStringConvertible {
        case bitFlip, espBitFlips, cut, cutWithLengthToMatch, longer, wrongLength, wrongHeaderLength
        case spliced, otherSPI, otherNumber, otherIV, exchangedICV, noise

        var testDescription: String { "\(self)" }

        func apply(to frame: Bytes, _ other: Bytes, _ generator: inout SeededGenerator) -> Bytes {
            var frame = frame
            func flip(_ range: Range<Int>) {
                let bit = Int.random(in: range.lowerBound * 8..<range.upperBound * 8, using: &generator)
                frame[bit / 8] ^= 1 << (bit % 8)
            }
            switch self {
            case .bitFlip: flip(0..<frame.count)
            case .espBitFlips: for _ in 0..<Int.random(in: 1...4, using: &generator) { flip(34..<frame.count) }
            case .cut: frame.removeLast(Int.random(in: 1...frame.count, using: &generator))
            case .cutWithLengthToMatch:
                // A multiple of four leaves a length that ESP may have.
                frame.removeLast(min(4 * Int.random(in: 1...20, using: &generator), frame.count - 34))
                Self.setLength(&frame, frame.count - 14)
            case .longer:
                frame += generator.bytes(4 * Int.random(in: 1...10, using: &generator))
                Self.setLength(&frame, frame.count - 14)
            case .wrongLength: Self.setLength(&frame, Int.random(in: 0...frame.count, using: &generator))
            case .wrongHeaderLength:
                frame[14] = 0x40 | UInt8.random(in: 0...15, using: &generator)
                Self.fixChecksum(&frame)
            case .spliced:
                let at = Int.random(in: 35..<frame.count, using: &generator)
                frame = Bytes(frame.prefix(at) + other.dropFirst(at))
                Self.setLength(&frame, frame.count - 14)
            case .otherSPI: frame.replaceSubrange(34..<38, with: other[34..<38])
            case .otherNumber: frame.replaceSubrange(38..<42, with: other[38..<42])
            case .otherIV: frame.replaceSubrange(42..<50, with: other[42..<50])
            case .exchangedICV: frame.replaceSubrange((frame.count - 16)..., with: other.suffix(16))
            case .noise: frame.replaceSubrange(34..., with: generator.bytes(frame.count - 34))
            }
            return frame
        }

        private static func setLength(_ frame: inout Bytes, _ length: Int) {
            frame.replaceSubrange(16..<18, with: bigEndian(UInt16(length)))
            fixChecksum(&frame)
        }

        /// Damage must get past the header's checksum.
        private static func fixChecksum(_ frame: inout Bytes) {
            let end = min(14 + Int(frame[14] & 15) * 4, frame.count)
            guard end >= 26 else { return }
            frame.replaceSubrange(24..<26, with: [0, 0])
            frame.replaceSubrange(24..<26, with: bigEndian(internetChecksum(Bytes(frame[14..<end]))))
        }
    }

    static let traffic = Traffic(seed: 1, count: 400, firstNumber: 100)

    /// `count` frames that are not authentic, from valid ones.
    private func damaged(_ count: Int, by damage: [Damage], _ generator: inout SeededGenerator) -> [Bytes] {
        var result: [Bytes] = []
        while result.count < count {
            let frame = Self.traffic.frames.randomElement(using: &generator)!
            let other = Self.traffic.frames.randomElement(using: &generator)!
            let spoilt = damage.randomElement(using: &generator)!.apply(to: frame, other, &generator)
            // Some damage does not reach the ESP packet: another Ethernet address, say.
            if !Self.traffic.isAuthentic(spoilt) { result.append(spoilt) }
        }
        return result
    }

    @Test(arguments: Provider.available, Damage.allCases)
    func noDamagedFrameChangesAnything(_ provider: Provider, _ damage: Damage) {
        var generator = SeededGenerator(seed: 2)
        var bench = Example.bench(provider)
        // Windows and connections that there is something to spoil of.
        _ = bench.send(Array(Self.traffic.frames.prefix(60)))
        let before = bench.router.stateSnapshot()
        #expect(before.connections > 0)
        var verdicts: Set<Verdict> = []
        for _ in 0..<40 {
            let frames = damaged(Int.random(in: 1...64, using: &generator), by: [damage], &generator)
            for (frame, outcome) in zip(frames, bench.send(frames)) {
                #expect(!outcome.verdict.steers && outcome.verdict != .pending)
                #expect(outcome.bytes == frame, "a refused frame lies there as it came")
                verdicts.insert(outcome.verdict)
            }
            #expect(bench.router.stateSnapshot() == before)
        }
        switch damage {
        case .espBitFlips, .cutWithLengthToMatch, .longer, .spliced, .otherSPI, .otherIV, .exchangedICV:
            #expect(verdicts.contains(.badICV), "the damage must reach the ciphers: \(verdicts)")
        default: break
        }
    }

    /// Two routers get the same valid frames, one of them with damaged ones in between: afterwards they know the same.
    @Test(arguments: Provider.available) func damagedFramesBetweenValidOnesMakeNoDifference(_ provider: Provider) {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<10 {
            var quiet = Example.bench(provider)
            var noisy = Example.bench(provider)
            var rest = Self.traffic.frames[...]
            while !rest.isEmpty {
                let valid = Array(rest.prefix(Int.random(in: 1...32, using: &generator)))
                rest = rest.dropFirst(valid.count)
                let noise = damaged(
                    Int.random(in: 0...(64 - valid.count), using: &generator), by: Damage.allCases, &generator)
                var mixed = valid.map { ($0, true) }
                for frame in noise {
                    mixed.insert((frame, false), at: Int.random(in: 0...mixed.count, using: &generator))
                }
                let expected = quiet.send(valid)
                let got = noisy.send(mixed.map(\.0))
                #expect(zip(mixed, got).filter(\.0.1).map(\.1) == expected)
                #expect(quiet.router.stateSnapshot() == noisy.router.stateSnapshot())
            }
        }
    }
}
