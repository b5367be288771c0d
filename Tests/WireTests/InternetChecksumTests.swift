import TestSupport
import Testing
import Wire

/// Beside a sum of 16-bit words, one after the other.
@Suite struct InternetChecksumTests {
    private func sum(_ bytes: Bytes, from start: Int = 0, count: Int? = nil, initial: UInt16 = 0) -> UInt16 {
        bytes.withUnsafeBytes {
            InternetChecksum.sum(RawSpan(_unsafeBytes: $0), from: start, count: count, initial: initial)
        }
    }

    @Test func everyLengthAndPlace() {
        var generator = SeededGenerator(seed: 1)
        for count in 0...300 {
            // All ones make every addition carry.
            for bytes in [
                generator.bytes(count), Bytes(repeating: 0xFF, count: count), Bytes(repeating: 0, count: count),
            ] {
                #expect(~sum(bytes) == internetChecksum(bytes), "\(count) bytes")
                let start = Int.random(in: 0...count, using: &generator)
                let length = Int.random(in: 0...(count - start), using: &generator)
                #expect(
                    ~sum(bytes, from: start, count: length) == internetChecksum(Bytes(bytes[start..<(start + length)])))
                // In two parts, the first of even length, as when a pseudo header comes first.
                let half = count / 2 & ~1
                #expect(sum(bytes, from: half, initial: sum(Bytes(bytes[..<half]))) == sum(bytes))
            }
        }
        let long = generator.bytes(65535)
        #expect(~sum(long) == internetChecksum(long))
    }

    @Test func aPlainIPv4Header() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<1000 {
            let bytes = generator.bytes(40)
            let at = Int.random(in: 0...20, using: &generator)
            let fast = bytes.withUnsafeBytes {
                InternetChecksum.sumOfPlainIPv4Header(RawSpan(_unsafeBytes: $0), at: at)
            }
            #expect(~fast == internetChecksum(Bytes(bytes[at..<(at + 20)])))
        }
        // RFC 1071's own example: 0001 f203 f4f5 f6f7 sum up to ddf2.
        #expect(sum([0, 1, 0xF2, 3, 0xF4, 0xF5, 0xF6, 0xF7]) == 0xDDF2)
    }

    @Test func twoSumsAsOne() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            let a = UInt16.random(in: 0...UInt16.max, using: &generator)
            let b = UInt16.random(in: 0...UInt16.max, using: &generator)
            #expect(InternetChecksum.add(a, b) == InternetChecksum.fold(UInt64(a) + UInt64(b)))
        }
        #expect(InternetChecksum.add(0xFFFF, 0xFFFF) == 0xFFFF)
        #expect(InternetChecksum.add(0xFFFF, 1) == 1)
        #expect(InternetChecksum.add(0, 0) == 0)
    }
}
