import Associations
import ControlPlane
import Testing

@Suite struct LeaseMessageTests {
    static let bodies: [LeaseMessage.Body] =
        [
            .request(.init(identifier: 1, count: 1, askedAt: 0)),
            .request(
                .init(
                    identifier: .max, count: .max, askedAt: .max,
                    report: LeaseReport(lease: 7, usedEnd: .max, isFinal: false))),
            .request(
                .init(identifier: 9, count: 3, askedAt: 5, report: LeaseReport(lease: 0, usedEnd: 0, isFinal: true))),
            .grant(
                .init(request: 9, lease: 0, first: 1, end: 2, validityMicroseconds: 10_000, askedAt: 5, isSole: false)),
            .grant(
                .init(
                    request: 9, lease: .max, first: 1 << 40, end: .max, validityMicroseconds: 1, askedAt: 0,
                    isSole: true)),
            .release(lease: 8, usedEnd: 77),
            .revoke(lease: 8),
        ] + LeaseRefusal.allCases.map { .refusal(request: 4, $0) }

    static func message(_ body: LeaseMessage.Body) -> LeaseMessage {
        LeaseMessage(
            spi: SPI(rawValue: 0xC472_877A), holder: HolderID(rawValue: 0x1234), incarnation: 0x0102_0304_0506_0708,
            body: body)
    }

    @Test(arguments: bodies) func whatIsWrittenReadsBackTheSame(body: LeaseMessage.Body) {
        let message = Self.message(body)
        #expect(message.bytes.count == LeaseMessage.byteCount)
        #expect(LeaseMessage(message.bytes) == message)
    }

    @Test func aRequestLiesOnTheWireAsDrawn() {
        let body = LeaseMessage.Body.request(
            .init(identifier: 2, count: 3, askedAt: 4, report: LeaseReport(lease: 5, usedEnd: 6, isFinal: true)))
        let words: [[UInt8]] = [
            [0x56, 0x4C, 1, 1, 0xC4, 0x72, 0x87, 0x7A], [0x12, 0x34, 2, 0, 0, 0, 0, 3], [1, 2, 3, 4, 5, 6, 7, 8],
            [0, 0, 0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 6],
            [0, 0, 0, 0, 0, 0, 0, 4],
        ]
        #expect(Self.message(body).bytes == words.flatMap(\.self))
    }

    @Test(arguments: bodies) func anotherLengthIsRefused(body: LeaseMessage.Body) {
        let bytes = Self.message(body).bytes
        for count in 0..<bytes.count { #expect(LeaseMessage(Array(bytes[..<count])) == nil) }
        #expect(LeaseMessage(bytes + [0]) == nil)
    }

    /// Whatever is read writes back the same bytes: there is one form only, so an odd bit anywhere is a refusal.
    @Test(arguments: bodies) func anyChangedBitIsRefusedOrMeantSo(body: LeaseMessage.Body) {
        let bytes = Self.message(body).bytes
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            if let message = LeaseMessage(changed) { #expect(message.bytes == changed) }
        }
        for offset in [0, 1, 2, 11] {
            var changed = bytes
            changed[offset] ^= 0x80
            #expect(LeaseMessage(changed) == nil)
        }
    }

    @Test func randomBytesNeverTrapAndNeverReadAsAnotherForm() {
        var random = SeededGenerator(seed: 4303)
        let heads = Self.bodies.map { Self.message($0).bytes }
        var understood = 0
        for round in 0..<20_000 {
            // Random throughout, or a good message with random bytes in it: those get further into the reader.
            var bytes = heads[round % heads.count]
            if round % 4 == 0 { bytes = (0..<random.below(100)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
            for _ in 0..<random.below(4) where !bytes.isEmpty {
                bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            guard let message = LeaseMessage(bytes) else { continue }
            understood += 1
            #expect(message.bytes == bytes)
        }
        #expect(understood > 1000)
    }
}
