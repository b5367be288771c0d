/// How many lines a log may get: a burst, then so many a second. What is left out is counted and said with the next line.
struct LogBudget: Sendable {
    static let burst = 50
    static let linesPerSecond = 10

    private var tokens = Double(Self.burst)
    private var refilledAt: UInt64?
    private var omitted = 0

    /// How many lines were left out before this one; nil when it is left out itself. `now` in nanoseconds.
    mutating func admit(at now: UInt64) -> Int? {
        let seconds = Double(now - min(refilledAt ?? now, now)) / 1_000_000_000
        tokens = min(Double(Self.burst), tokens + seconds * Double(Self.linesPerSecond))
        refilledAt = now
        guard tokens >= 1 else {
            omitted += 1
            return nil
        }
        tokens -= 1
        defer { omitted = 0 }
        return omitted
    }
}
