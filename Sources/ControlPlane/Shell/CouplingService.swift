public import Associations
internal import Synchronization

/// A member's `CouplingWriter` at work, for a thread that does not wait: changes go in, events come out.
public final class CouplingService: Sendable {
    public enum Event: Sendable {
        case written(CouplingWriter.Event)
        /// After `rotate`, or where a new owner found values of a former key: how many are wrapped anew, and what could not
        /// be read.
        case rewrapped(Int, [CouplingRecords.Unreadable])
    }

    /// How it stands.
    public struct Report: Sendable {
        /// Which facility, and where.
        public var place: String
        /// nil while another owns it, or nobody could be asked yet.
        public var epoch: Epoch?
        public var isFenced: Bool
        public var isConnected: Bool
        public var isLeaseHeld: Bool
        /// Changes that are not durable yet.
        public var queued: Int
        /// Milliseconds since the oldest of them was submitted; 0 when there is none.
        public var oldestWaiting: UInt64
        public var transactions: UInt64
    }

    public typealias Rewrapped = @Sendable (Int, [CouplingRecords.Unreadable]) -> Void

    private struct State: Sendable {
        var writer: CouplingWriter
        var events: [Event] = []
        var rewrapping: Rewrapping?
        var rewrapAt: UInt64 = 0
        var rewrapped: Rewrapped?
        /// Calls of `rotate`.
        var rotations = 0
        var isStopped = false
        /// Events that somebody was nudged for.
        var told = 0
    }

    private let facility: any CouplingFacility
    private let keys: CouplingKeys
    private let random: any IKERandomness & Sendable
    private let nudge: @Sendable () -> Void
    private let state: Mutex<State>
    private let bells: [CouplingWriter.Line: Bell]
    /// Something was answered.
    private let settled = Bell()
    private let tasks = Mutex<[Task<Void, Never>]>([])
    private let clock = MonotonicClock()

    /// `nudge` is called, on any thread, when there are events to take. Traps as `CouplingWriter` does.
    public init(
        facility: any CouplingFacility, keys: CouplingKeys, member: String, ring: KeyRing, leaseSeconds: Int = 5,
        nudge: @escaping @Sendable () -> Void
    ) {
        self.facility = facility
        self.keys = keys
        self.nudge = nudge
        random = KernelRandom()
        bells = [.main: Bell(), .lease: Bell()]
        state = Mutex(
            State(
                writer: CouplingWriter(
                    keys: keys, member: member, ring: ring, leaseSeconds: leaseSeconds, random: KernelRandom())))
    }

    /// Begins to acquire the ownership; `.owner` tells when it is there. To be called once, and `stop` behind it.
    public func start() {
        state.withLock { $0.writer.start() }
        tasks.withLock { tasks in
            tasks = CouplingWriter.Line.allCases.map { line in Task { [self] in await run(line) } }
        }
    }

    /// false: see `CouplingWriter.submit`, or nobody has taken `queueLimit` events. `ticket` comes back in `.done`, in the order of the calls.
    public func submit(_ change: CouplingChange, ticket: UInt64) -> Bool {
        let isTaken = state.withLock { state in
            state.events.count < CouplingWriter.queueLimit
                && state.writer.submit(change, ticket: ticket, at: clock.now)
        }
        if isTaken { bells[.main]!.ring() }
        return isTaken
    }

    public func takeEvents() -> [Event] {
        state.withLock { state in
            defer { (state.events, state.told) = ([], 0) }
            return state.events
        }
    }

    /// The ring's current key wraps from now on; what is there is wrapped anew, little by little, once this member is the
    /// owner. `rewrapped` is called when that is over, on any thread, with what `.rewrapped` says; not when another ring
    /// comes before.
    public func rotate(to ring: KeyRing, rewrapped: Rewrapped? = nil) {
        state.withLock { state in
            state.writer.rotate(to: ring)
            state.rewrapping = Rewrapping(keys: keys, ring: ring, random: random)
            state.rewrapAt = 0
            state.rewrapped = rewrapped
            state.rotations += 1
        }
        bells[.main]!.ring()
    }

    public var report: Report {
        state.withLock { state in
            let writer = state.writer
            let now = clock.now
            return Report(
                place: facility.place, epoch: writer.epoch, isFenced: writer.isFenced,
                isConnected: writer.isConnected, isLeaseHeld: writer.isLeaseHeld, queued: writer.queued,
                oldestWaiting: writer.oldest.map { (now - min($0, now)) / 1_000_000 } ?? 0,
                transactions: writer.transactions)
        }
    }

    /// Waits until all that was submitted is durable, for that long at most; not when this member is not the owner.
    public func drain(seconds: UInt64) async {
        let deadline = clock.now + seconds * 1_000_000_000
        while clock.now < deadline, state.withLock({ $0.writer.epoch != nil && $0.writer.queued > 0 }) {
            await settled.wait(until: deadline)
        }
    }

    /// What is not done by now is not done any more; its lease is given back, so that another member need not wait for it.
    /// The facility is the caller's to close.
    public func stop() async {
        state.withLock { $0.isStopped = true }
        for bell in bells.values { bell.ring() }
        let running = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
        if let lease = state.withLock({ $0.writer.heldLease }) { try? await facility.revoke(lease) }
    }

    // MARK: The two lines

    private enum Turn: Sendable {
        case ask(CouplingWriter.Request)
        case rewrap(Rewrapping, rotation: Int)
        case wait(until: UInt64?)
        case end
    }

    private func run(_ line: CouplingWriter.Line) async {
        var isRewrapsTurn = false
        while true {
            let turn = turn(line, isRewrapsTurn: isRewrapsTurn)
            publish()
            isRewrapsTurn = false
            switch turn {
            case .end: return
            case .wait(let deadline): await bells[line]!.wait(until: deadline)
            case .rewrap(let rewrapping, let rotation): await advance(rewrapping, of: rotation)
            case .ask(let request):
                isRewrapsTurn = line == .main
                let answer = await answer(request)
                state.withLock { $0.writer.answered(line, answer, at: clock.now) }
                publish()
                // What one line learns may be the other's business: a lease, its end.
                for bell in bells.values { bell.ring() }
                settled.ring()
            }
        }
    }

    private func turn(_ line: CouplingWriter.Line, isRewrapsTurn: Bool) -> Turn {
        state.withLock { state in
            let now = clock.now
            if state.isStopped { return .end }
            let mayRewrap = line == .main && state.writer.epoch != nil && state.writer.isConnected
            let rewrapping = mayRewrap && state.rewrapAt <= now ? state.rewrapping : nil
            // In turn with what is written, so that neither waits for all of the other.
            if isRewrapsTurn, let rewrapping { return .rewrap(rewrapping, rotation: state.rotations) }
            if let request = state.writer.next(line, at: now) { return .ask(request) }
            if let rewrapping { return .rewrap(rewrapping, rotation: state.rotations) }
            let rewrapAt = mayRewrap && state.rewrapping != nil ? state.rewrapAt : nil
            return .wait(until: [state.writer.deadline(line), rewrapAt].compactMap(\.self).min())
        }
    }

    private func answer(_ request: CouplingWriter.Request) async -> CouplingWriter.Answer {
        do throws(CouplingFailure) {
            switch request {
            case .grantLease(let seconds): return .lease(try await facility.grantLease(seconds: seconds))
            case .commit(let transaction): return .outcome(try await facility.commit(transaction))
            case .list(let prefix): return .listing(try await facility.list(prefix))
            case .keepAlive(let lease):
                try await facility.keepAlive(lease)
                return .kept
            }
        } catch {
            return .failed(error)
        }
    }

    private func advance(_ given: Rewrapping, of rotation: Int) async {
        var rewrapping = given
        do throws(CouplingFailure) {
            let isDone = try await rewrapping.advance(in: facility)
            let rewrapped = state.withLock { state -> Rewrapped? in
                // Another key may have come meanwhile; its turn begins then.
                guard state.rotations == rotation else { return nil }
                state.rewrapping = isDone ? nil : rewrapping
                guard isDone else { return nil }
                state.events.append(.rewrapped(rewrapping.count, rewrapping.unreadable))
                defer { state.rewrapped = nil }
                return state.rewrapped
            }
            rewrapped?(rewrapping.count, rewrapping.unreadable)
        } catch {
            state.withLock { $0.rewrapAt = clock.now + 1_000_000_000 }
        }
        publish()
    }

    private func publish() {
        let hasNews = state.withLock { state in
            let events = state.writer.takeEvents()
            for case .owner(_, let records) in events where records.former > 0 && state.rewrapping == nil {
                state.rewrapping = Rewrapping(keys: keys, ring: state.writer.ring, random: random)
            }
            state.events += events.map { .written($0) }
            defer { state.told = state.events.count }
            return state.events.count > state.told
        }
        if hasNews { nudge() }
    }
}
