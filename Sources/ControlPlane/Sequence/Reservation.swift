/// How far an outbound SA's numbers are reserved durably. Only reserved numbers may be used; a process that starts
/// again begins at the mark its predecessor had reached, so none is ever used twice through a crash.
///
/// ```
///    1 . . . . . . . next . . . . . . mark           mark + step
///    used or leased  |  reserved, free |   reserved once `reserved(upTo:)` says so
/// ```
public struct Reservation: Sendable, Equatable {
    /// Numbers reserved at a time.
    public static let step: UInt64 = 1 << 20
    /// The last number of an SA without extended sequence numbers (RFC 4303 §2.2).
    public static let lastWithoutESN: UInt64 = (1 << 32) - 1
    /// Nanoseconds until a failed reservation is tried again.
    static let retryNanoseconds: UInt64 = 100_000_000

    /// The last number that may ever be used.
    public let lastNumber: UInt64
    /// Numbers below it are reserved.
    public private(set) var mark: UInt64
    /// Asked for and not answered yet.
    private(set) var wanted: UInt64?
    /// When the last try failed, the time of the next one.
    private(set) var retryAt: UInt64?

    /// `mark` is what was last written down, 1 when nothing ever was. Traps when it is 0 or `lastNumber` is out of
    /// range.
    public init(mark: UInt64, lastNumber: UInt64 = Reservation.lastWithoutESN) {
        precondition(mark > 0 && lastNumber > 0 && lastNumber < .max)
        self.mark = mark
        self.lastNumber = lastNumber
    }

    public var hasFailed: Bool { retryAt != nil }

    /// The mark to reserve now, once less than half a step is left from `next` on; nil while one is asked for already.
    mutating func due(next: UInt64, at now: UInt64) -> UInt64? {
        guard wanted == nil, mark <= lastNumber, mark - min(next, mark) < Self.step / 2 else { return nil }
        if let retryAt, now < retryAt { return nil }
        let room = lastNumber + 1 - mark
        wanted = mark + min(room, Self.step)
        return wanted
    }

    /// It is written down. A mark below the present one (an answer that came twice) changes nothing.
    mutating func reserved(upTo mark: UInt64) {
        self.mark = max(self.mark, min(mark, lastNumber + 1))
        wanted = nil
        retryAt = nil
    }

    /// It could not be written down: what is reserved stays good, and it is tried again later.
    mutating func failed(at now: UInt64) {
        wanted = nil
        retryAt = now + Self.retryNanoseconds
    }
}
