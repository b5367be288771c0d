public import Associations

/// The numbers of an outbound SA that has one sender only, this host: an endpoint's, for instance. No link, no clock:
/// whatever is reserved is leased to the packet path, for good.
///
/// It does no I/O: the host writes down what `.reserve` asks for and says `reserved(upTo:next:)` or `failed(at:)`.
public struct LocalSequence: Sendable {
    public enum Action: Sendable, Equatable {
        /// Write this mark down durably, then say so.
        case reserve(upTo: UInt64)
        /// For the packet path (`Publication.lease`).
        case publish(SPI, SequenceLease)
    }

    public let spi: SPI
    private var reservation: Reservation
    /// No number below it may be used: it was reserved by an earlier process, or was used.
    private var floor: UInt64
    private var identifier: UInt64 = 0

    public init(spi: SPI, reservation: Reservation) {
        self.spi = spi
        self.reservation = reservation
        floor = reservation.mark
    }

    /// Whether the SA has no numbers left (RFC 4303 §3.3.3).
    public var isExhausted: Bool { floor > reservation.lastNumber }
    /// Whether the last reservation failed; it is tried again at the next poll after a while.
    public var hasFailed: Bool { reservation.hasFailed }

    /// Once at the start and after every batch: `next` is the packet path's first unused number, 0 when it has had no
    /// lease yet.
    public mutating func poll(next: UInt64, at now: UInt64) -> [Action] {
        floor = max(floor, next)
        return reservation.due(next: floor, at: now).map { [.reserve(upTo: $0)] } ?? []
    }

    /// The mark is durable: its numbers join those the packet path has.
    public mutating func reserved(upTo mark: UInt64, next: UInt64) -> [Action] {
        floor = max(floor, next)
        reservation.reserved(upTo: mark)
        guard floor < reservation.mark else { return [] }
        identifier += 1
        let lease = SequenceLease(identifier: identifier, first: floor, end: reservation.mark, validUntil: .max)
        return [.publish(spi, lease)]
    }

    /// When the packet path has ended, at `next`: the mark that a successor may begin at. nil when nothing is left.
    public func neverUsed(next: UInt64) -> UInt64? {
        let next = max(floor, next)
        return next < reservation.mark && reservation.wanted == nil ? next : nil
    }

    public mutating func failed(at now: UInt64) { reservation.failed(at: now) }
}
