import Associations
import ControlPlane
import Testing

@Suite struct RandomTests {
    /// Gives what it is told, for ever.
    struct Fixed: IKERandomness {
        var values: [UInt64]
        mutating func next() -> UInt64 {
            let first = values.removeFirst()
            values.append(first)
            return first
        }
    }

    @Test func reservedSPIsAreNeverGiven() {
        var random = Fixed(values: [0, 0, 7])
        #expect(random.ikeSPI() == 7)
        random = Fixed(values: [0, 255, 0x1_0000_0001, 256])
        #expect(random.espSPI() == SPI(rawValue: 256))
    }

    @Test func noncesHaveTheirLength() {
        var random = Fixed(values: [0x0102_0304_0506_0708, 0x1112_1314_1516_1718, 0x2122_2324_2526_2728])
        #expect(
            random.nonce(byteCount: 17) == [1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 20, 21, 22, 23, 24, 33])
        #expect(random.nonce().count == 32)
        #expect(random.nonce(byteCount: 256).count == 256)
        #expect(random.secret(byteCount: 3).count == 3 && random.bytes(0).isEmpty)
    }

    @Test func theKernelDoesNotRepeatItself() {
        var random = KernelRandom()
        let nonces = Set((0..<100).map { _ in random.nonce() })
        #expect(nonces.count == 100 && nonces.allSatisfy { $0.count == 32 })
        #expect(Set((0..<100).map { _ in random.secret(byteCount: 65).shown }).count == 100)
        #expect(Set((0..<100).map { _ in random.ikeSPI() }).count == 100)
    }
}
