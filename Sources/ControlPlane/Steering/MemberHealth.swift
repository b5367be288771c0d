public import Associations

/// Whether this member itself is fit (docs/steering.md): its packet loop moves, the coordinator knows it, nobody has taken its
/// place. A machine without I/O; `now` is nanoseconds of a clock that does not go back.
public struct MemberHealth: Sendable {
    public enum Illness: Sendable, Hashable, CustomStringConvertible {
        /// Milliseconds that the packet loop has not moved.
        case stalledLoop(milliseconds: UInt64)
        /// The coordinator's lease is over: another member may own the DVIPAs now.
        case leaseLost
        /// Another member owns them.
        case fenced(by: Epoch)

        public var description: String {
            switch self {
            case .stalledLoop(let milliseconds): "its packet loop has not moved for \(milliseconds) ms"
            case .leaseLost: "the coordinator has not been reached within the lease's time"
            case .fenced(let epoch): "another member owns the addresses, in epoch \(epoch.rawValue)"
            }
        }
    }

    public enum Action: Sendable, Equatable {
        /// Go on with what there is: steering, under the epoch that it has. No new SAs, no numbers beyond the reserved ones.
        case restrict(Illness)
        /// As before.
        case recover
        /// Say that it leaves, take nothing more, and end the process. Said once, and nothing is said behind it.
        case withdraw(Illness)
    }

    private let patience: UInt64
    private var counter: UInt64 = 0
    private var movedAt: UInt64
    /// When `tick` was to be called, at the latest.
    private var expectedAt: UInt64
    private var epoch: Epoch?
    private var leaseEnd: UInt64?
    private var isRestricted = false
    public private(set) var withdrawal: Illness?

    /// - Parameters:
    ///   - patience: nanoseconds that the packet loop may stand still.
    ///   - epoch: the one that this member owns the DVIPAs in; nil for a target.
    public init(patience: UInt64 = 2_000_000_000, epoch: Epoch? = nil, at now: UInt64) {
        precondition(patience > 0)
        self.patience = patience
        self.epoch = epoch
        movedAt = now
        expectedAt = now + patience / 4
    }

    /// When `tick` is to be called: four times in the patience.
    public var deadline: UInt64 { expectedAt }

    /// `counter`: what the packet loop counts its rounds in, of any value and however many between two calls.
    public mutating func tick(_ counter: UInt64, at now: UInt64) -> [Action] {
        // Whoever is late to look cannot tell: perhaps all stood still, loop and looker.
        let isLate = now > expectedAt + patience / 2
        expectedAt = now + patience / 4
        if counter != self.counter || isLate {
            self.counter = counter
            movedAt = now
        }
        if now - movedAt >= patience {
            return withdraw(.stalledLoop(milliseconds: (now - movedAt) / 1_000_000))
        }
        guard withdrawal == nil, let leaseEnd else { return [] }
        if now >= leaseEnd, !isRestricted {
            isRestricted = true
            return [.restrict(.leaseLost)]
        }
        return []
    }

    /// The coordinator has renewed the lease: it is good until then, on this clock, counted from before it was asked for.
    public mutating func renewed(until end: UInt64, at now: UInt64) -> [Action] {
        leaseEnd = max(leaseEnd ?? 0, end)
        guard withdrawal == nil, isRestricted, now < end else { return [] }
        isRestricted = false
        return [.recover]
    }

    /// This member won the DVIPAs, in a new epoch.
    public mutating func owns(_ epoch: Epoch) { self.epoch = max(epoch, self.epoch ?? epoch) }

    /// Somebody named an epoch whose word counts: the coordinator, or a member over an authenticated link. A target only
    /// takes note of it elsewhere.
    public mutating func saw(_ other: Epoch) -> [Action] {
        guard let epoch, other > epoch else { return [] }
        return withdraw(.fenced(by: other))
    }

    private mutating func withdraw(_ illness: Illness) -> [Action] {
        guard withdrawal == nil else { return [] }
        withdrawal = illness
        return [.withdraw(illness)]
    }
}
