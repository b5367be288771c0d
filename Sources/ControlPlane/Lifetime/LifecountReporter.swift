public import Associations

/// A target's side of the lifecounts: which SAs go into the next report (docs/lifecounts.md). A machine without I/O; `now` is
/// nanoseconds of a clock that does not go back.
///
/// An SA is reported when half of what its last grant added is used, which the router sizes to the share of the life-size;
/// again and again while what is left is less than a packet; and every `routine` while it is in use. The router answers what is
/// used beyond the half with a new grant, so no message asks for one.
public struct LifecountReporter: Sendable {
    public struct Timing: Sendable {
        /// Between two reports of an SA in use.
        public var routine: UInt64 = 2_000_000_000
        /// Until one that waits for its grant is reported again.
        public var repetition: UInt64 = 200_000_000
        public init() {}
    }

    private enum Turn { case none, routine, asking }

    private struct State: Sendable {
        var latest: AssociationUsage
        var reported: AssociationUsage
        var grant: LifecountGrant
        /// Once so much is used, it asks.
        var byteMark: UInt64 = .max
        var packetMark: UInt64 = .max
        /// nil before the first report.
        var reportedAt: UInt64?
        /// Whether it waits for a grant that it has asked for.
        var isWaiting = false
        var turn = Turn.none

        init(_ key: ShadowEntry.Key) {
            latest = .none(key.spi, key.direction)
            reported = latest
            grant = LifecountGrant(spi: key.spi, direction: key.direction)
        }

        mutating func setMarks() {
            func mark(_ end: UInt64, _ used: UInt64) -> UInt64 {
                end == .max ? .max : used + (end > used ? (end - used) / 2 : 0)
            }
            byteMark = mark(grant.bytes, latest.bytes)
            packetMark = mark(grant.packets, latest.packets)
        }

        func asks(_ bounds: LifecountLedger.PacketBounds) -> Bool {
            func isShort(_ end: UInt64, _ used: UInt64, _ largest: UInt64) -> Bool {
                end != .max && (end <= used || end - used < largest)
            }
            return latest.bytes >= byteMark || latest.packets >= packetMark
                || isShort(grant.bytes, latest.bytes, bounds.largestBytes)
                || isShort(grant.packets, latest.packets, bounds.batch)
        }
    }

    private let timing: Timing
    private let bounds: LifecountLedger.PacketBounds
    private var states: [ShadowEntry.Key: State] = [:]
    private var asking = Turns()
    private var routine = Turns()

    public init(timing: Timing = Timing(), bounds: LifecountLedger.PacketBounds = LifecountLedger.PacketBounds()) {
        self.timing = timing
        self.bounds = bounds
    }

    /// The packet path has a new SA, at 0.
    public mutating func installed(_ key: ShadowEntry.Key) { states[key] = State(key) }
    public mutating func removed(_ key: ShadowEntry.Key) { states[key] = nil }

    /// A grant has come, and was handed to the packet path.
    public mutating func allowed(_ grant: LifecountGrant) {
        let key = ShadowEntry.Key(spi: grant.spi, direction: grant.direction)
        guard states[key] != nil else { return }
        states[key]!.grant = grant
        states[key]!.isWaiting = false
        states[key]!.setMarks()
    }

    /// There is a new connection to the router, or a new router: what was reported may not have come.
    public mutating func began() {
        for key in states.keys {
            states[key]!.reportedAt = nil
            states[key]!.isWaiting = false
            states[key]!.reported = .none(key.spi, key.direction)
        }
    }

    /// What the packet path counts, of all SAs or a slice of them, changed or not. SAs that nobody installed here are passed
    /// over.
    public mutating func note(_ usage: [AssociationUsage], at now: UInt64) {
        for part in usage {
            let key = ShadowEntry.Key(spi: part.spi, direction: part.direction)
            guard var state = states[key] else { continue }
            state.latest = part
            if state.turn != .asking {
                if asks(state, at: now) {
                    state.turn = .asking
                    asking.append(key)
                } else if state.turn == .none, isDue(state, at: now) {
                    state.turn = .routine
                    routine.append(key)
                }
            }
            states[key] = state
        }
        let states = states
        let bound = 2 * states.count + 64
        if asking.count > bound { asking.keep { states[$0]?.turn == .asking } }
        if routine.count > bound { routine.keep { states[$0]?.turn == .routine } }
    }

    private func asks(_ state: State, at now: UInt64) -> Bool {
        guard state.asks(bounds) else { return false }
        guard state.isWaiting || state.latest == state.reported, let reportedAt = state.reportedAt else { return true }
        return now >= reportedAt + timing.repetition
    }

    private func isDue(_ state: State, at now: UInt64) -> Bool {
        state.latest != state.reported && state.reportedAt.map { now >= $0 + timing.routine } != false
    }

    /// Whether a report should go now: somebody may soon lack room.
    public var isAsking: Bool { asking.count > 0 }

    /// What goes into a report that holds at most `limit`, each SA in its turn. Those that ask come first, but for a quarter of
    /// the room while others wait.
    public mutating func take(upTo limit: Int, at now: UInt64) -> [AssociationUsage] {
        var taken: [AssociationUsage] = []
        let kept = min(limit / 4, routine.count)
        while taken.count < limit - kept, let key = asking.next() { take(key, .asking, into: &taken, at: now) }
        while taken.count < limit, let key = routine.next() { take(key, .routine, into: &taken, at: now) }
        while taken.count < limit, let key = asking.next() { take(key, .asking, into: &taken, at: now) }
        return taken
    }

    private mutating func take(
        _ key: ShadowEntry.Key, _ turn: Turn, into taken: inout [AssociationUsage], at now: UInt64
    ) {
        // A place of one that is gone, or has got another turn since.
        guard var state = states[key], state.turn == turn else { return }
        state.turn = .none
        state.isWaiting = state.asks(bounds)
        state.reported = state.latest
        state.reportedAt = now
        states[key] = state
        taken.append(state.latest)
    }

    /// Who is next: first come, first served. Places of those that are gone stay until their turn, or `keep`.
    private struct Turns: Sendable {
        private var keys: [ShadowEntry.Key] = []
        private var head = 0

        var count: Int { keys.count - head }

        mutating func append(_ key: ShadowEntry.Key) { keys.append(key) }

        mutating func next() -> ShadowEntry.Key? {
            guard head < keys.count else { return nil }
            defer {
                head += 1
                if head > 64, head * 2 > keys.count {
                    keys.removeFirst(head)
                    head = 0
                }
            }
            return keys[head]
        }

        mutating func keep(_ isAlive: (ShadowEntry.Key) -> Bool) {
            keys = keys[head...].filter(isAlive)
            head = 0
        }
    }
}
