/// How long packets may wait for sequence numbers before they are given up. TCP sends again; a queue of old packets helps
/// nobody.
///
/// The wait is counted from when it began, not from the last packet that went out: a host that was idle has waited for
/// nothing, and its first packet has all the time there is.
struct Patience {
    /// Nanoseconds.
    static let limit: UInt64 = 500_000_000

    /// When the packets that wait began to, or when the last of those before them got its number; nil while none waits.
    private var since: UInt64?

    /// After each look at the queue: whether those that wait are to be given up, after which a new wait begins.
    mutating func hasRunOut(isWaiting: Bool, isMoving: Bool, at now: UInt64) -> Bool {
        guard isWaiting else {
            since = nil
            return false
        }
        guard let began = since, !isMoving else {
            since = now
            return false
        }
        guard now - began > Self.limit else { return false }
        since = nil
        return true
    }
}
