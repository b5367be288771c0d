/// A connection of ours that is begun, or to be begun again after a failure: later each time.
struct Attempt: Sendable {
    static let shortest: UInt64 = 1_000_000_000
    static let longest: UInt64 = 60_000_000_000

    /// nil while a session is under way or established.
    var dueAt: UInt64?
    /// What the session to come is to replace; nil for none, and it may be gone by then.
    var former: PeerSessions.ID?
    private var wait = Self.shortest

    init(dueAt: UInt64) { self.dueAt = dueAt }

    mutating func failed(at now: UInt64) {
        dueAt = now + wait
        wait = min(wait * 2, Self.longest)
    }

    mutating func succeeded() {
        dueAt = nil
        former = nil
        wait = Self.shortest
    }
}
