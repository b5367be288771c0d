import Associations
import Testing

@testable import ControlPlane

/// Where the numbers of an SA end, by what it says of itself.
@Suite struct ESNNumbersTests {
    private static let end: UInt64 = 1 << 32

    private func sequence(hasESN: Bool) -> LocalSequence {
        var network = ShadowNetwork(targets: 0, seed: 31)
        var association = network.association()
        association.hasESN = hasESN
        return LocalSequence(
            spi: association.spi,
            reservation: Reservation(mark: Self.end - 10, lastNumber: association.lastSequenceNumber))
    }

    @Test func withESNTheyGoOnBeyond32Bits() {
        var sequence = sequence(hasESN: true)
        let mark = Self.end - 10 + Reservation.step
        let asked = sequence.poll(next: 0, at: 0)
        #expect(asked == [.reserve(upTo: mark)])
        let lease = SequenceLease(identifier: 1, first: Self.end - 10, end: mark, validUntil: .max)
        let actions = sequence.reserved(upTo: mark, next: 0)
        #expect(actions == [.publish(sequence.spi, lease)])
        #expect(!sequence.isExhausted)
    }

    @Test func withoutESNTheyEndThere() {
        var sequence = sequence(hasESN: false)
        let asked = sequence.poll(next: 0, at: 0)
        #expect(asked == [.reserve(upTo: Self.end)])
        let lease = SequenceLease(identifier: 1, first: Self.end - 10, end: Self.end, validUntil: .max)
        // Whatever is said to be reserved.
        let actions = sequence.reserved(upTo: Self.end + 500, next: 0)
        #expect(actions == [.publish(sequence.spi, lease)])
        let more = sequence.poll(next: Self.end, at: 0)
        #expect(more.isEmpty && sequence.isExhausted)
    }

    /// No sum of numbers overflows at the far end.
    @Test func theLastNumberWithESN() {
        var reservation = Reservation(mark: .max >> 1 - 5, lastNumber: .max >> 1)
        let due = reservation.due(next: .max >> 1 - 5, at: 0)
        #expect(due == 1 << 63)
        reservation.reserved(upTo: 1 << 63)
        let more = reservation.due(next: 1 << 63, at: 0)
        #expect(more == nil)
    }
}
