import ControlPlane
import Testing

extension IKEMessageTests {
    /// Spoiled messages: a fault, or a message that is written and read back the same. Never a trap.
    @Suite struct Mutations {
        @Test(arguments: 1...8 as ClosedRange<UInt64>) func neverTrap(_ seed: UInt64) throws {
            var source = RandomMessage(seed: seed)
            let recorded = try Recorded.all().filter { !$0.contains("inner") }.map(IKEMessageTests.recorded)
            var accepted = 0
            for round in 0..<2000 {
                let original = round % 2 == 0 ? source.message().bytes : source.pick(recorded)
                var bytes = original
                for _ in 0...source.random.below(4) { Self.spoil(&bytes, &source) }
                if source.random.chance(800), bytes.count >= 28 {
                    bytes.replaceSubrange(24..<28, with: IKEMessageTests.big(UInt32(bytes.count)))
                }
                guard let message = try? IKEMessage(bytes) else { continue }
                accepted += 1
                #expect(try IKEMessage(message.bytes) == message)
                if let encrypted = message.payloads.encrypted {
                    _ = try? IKEPayload.innerChain(encrypted.first, encrypted.sealed)
                }
            }
            // The mutations are mild enough that the deep readers are reached.
            #expect(accepted > 100)
        }

        /// Every message cut at every place, with the header's length made right.
        @Test func everyCutIsAFault() throws {
            var source = RandomMessage(seed: 77)
            for _ in 0..<60 {
                let bytes = source.message().bytes
                for count in 28..<max(28, bytes.count) {
                    var cut = Bytes(bytes[..<count])
                    cut.replaceSubrange(24..<28, with: IKEMessageTests.big(UInt32(count)))
                    #expect(IKEMessageTests.fault(cut) != nil)
                }
            }
        }

        static func spoil(_ bytes: inout Bytes, _ source: inout RandomMessage) {
            guard !bytes.isEmpty else {
                bytes = source.bytes(0...40)
                return
            }
            let at = source.random.below(bytes.count)
            switch source.random.below(6) {
            case 0: bytes[at] ^= 1 << source.byte() % 8
            case 1: bytes[at] = source.pick([0, 1, 3, 4, 7, 8, 0x7F, 0x80, 0xFF])
            case 2: bytes[at] &+= source.pick([1, 255])
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + source.random.below(8)))
            case 4: bytes.insert(contentsOf: source.bytes(1...8), at: at)
            default:
                let end = min(bytes.count, at + source.random.below(40))
                bytes.insert(contentsOf: Bytes(bytes[at..<end]), at: source.random.below(bytes.count))
            }
        }
    }
}
