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
    /// The mark of the first step, for an SA that comes with it.
    public static let firstMark: UInt64 = 1 + step
    /// The last number of an SA without extended sequence numbers (RFC 4303 §2.2).
    public static let lastWithoutESN: UInt64 = (1 << 32) - 1
    /// Nanoseconds until a failed reservation is tried again.
    static let retryNanoseconds: UInt64 = 100_000_000
    /// Nanoseconds until one that nobody answers is asked for again: whoever writes it down must take it twice.
    static let answerNanoseconds: UInt64 = 5_000_000_000

    /// The last number that may ever be used.
    public let lastNumber: UInt64
    /// The lowest that this process may use: those below it were an earlier one's.
    public let first: UInt64
    /// Numbers below it are reserved.
    public private(set) var mark: UInt64
    /// Asked for and not answered yet.
    private(set) var wanted: UInt64?
    private var wantedAt: UInt64 = 0
    /// When the last try failed, the time of the next one.
    private(set) var retryAt: UInt64?

    /// `mark` is what was last written down, 1 when nothing ever was. Traps when it is 0 or `lastNumber` is out of
    /// range.
    public init(mark: UInt64, lastNumber: UInt64 = Reservation.lastWithoutESN) {
        self.init(first: mark, mark: mark, lastNumber: lastNumber)
    }

    /// Numbers from `first` on, below `mark`, were reserved for this process already. Traps when `first` is 0, `mark` is
    /// below it or `lastNumber` out of range.
    public init(first: UInt64, mark: UInt64, lastNumber: UInt64 = Reservation.lastWithoutESN) {
        precondition(first > 0 && first <= mark && lastNumber > 0 && lastNumber < .max)
        self.first = first
        self.mark = min(mark, max(first, lastNumber + 1))
        self.lastNumber = lastNumber
    }

    public var hasFailed: Bool { retryAt != nil }

    /// The mark to reserve now, once less than half a step is left from `next` on; nil while one is asked for already.
    mutating func due(next: UInt64, at now: UInt64) -> UInt64? {
        guard mark <= lastNumber, mark - min(next, mark) < Self.step / 2 else { return nil }
        if wanted != nil && now < wantedAt + Self.answerNanoseconds { return nil }
        if let retryAt, now < retryAt { return nil }
        let room = lastNumber + 1 - mark
        (wanted, wantedAt) = (mark + min(room, Self.step), now)
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
