/// The bytes of one SA, or its packets: what was granted out of the hard limit, and what came back as used.
///
/// ```
///  0           former           Σ used                   Σ granted                soft         hard
///  |-------------|----------------|- - - outstanding - - - -|- - - - rest - - - - -|- - - - - - -|
///   processes      what those that   what they may use         what may still be granted
///   that are gone  are here report   before they ask again
/// ```
struct LifecountMeter: Sendable {
    /// Beyond this nothing is counted, nor is any limit higher, so that no sum of 512 parts can overflow: 16 PiB.
    static let ceiling: UInt64 = 1 << 54

    /// One holder's part.
    struct Part: Sendable {
        /// A total since the holder's process got the SA, as `used`.
        fileprivate(set) var granted: UInt64 = 0
        fileprivate(set) var used: UInt64 = 0
        /// Once so much is used, the holder asks for more.
        fileprivate var mark: UInt64 = 0

        fileprivate var left: UInt64 { granted > used ? granted - used : 0 }
    }

    /// nil for no end.
    let limit: SessionPolicy.Limit?
    /// What the largest packet takes. A holder with less asks for more.
    let largest: UInt64
    /// What the smallest packet takes. Less is not granted.
    let smallest: UInt64
    /// Of processes that are gone.
    private var former: UInt64
    /// Of those that are here: what is spoken for, and what is taken for used.
    private var committed: UInt64 = 0
    private var counted: UInt64 = 0

    init(limit: SessionPolicy.Limit?, largest: UInt64, smallest: UInt64, carried: UInt64) {
        self.limit = limit.map {
            SessionPolicy.Limit(soft: min($0.soft, Self.ceiling), hard: min($0.hard, Self.ceiling))
        }
        self.largest = largest
        self.smallest = smallest
        former = min(carried, Self.ceiling)
    }

    /// What may still be granted.
    var rest: UInt64 {
        guard let limit else { return .max }
        return limit.hard > former + committed ? limit.hard - former - committed : 0
    }

    /// What IKE is to take for used. It passes the soft limit before the last byte is granted, whoever hoards: what is
    /// outstanding beyond half the way from soft to hard counts, too. (A responder's soft limit is drawn from the first
    /// half of that way.)
    var told: UInt64 {
        let used = former + counted
        guard let limit else { return used }
        let slack = (limit.hard - limit.soft) / 2
        return max(used, former + committed > slack ? former + committed - slack : 0)
    }

    private func committed(by part: Part) -> UInt64 { limit == nil ? part.used : max(part.granted, part.used) }

    private mutating func change(_ part: inout Part, _ body: (inout Part) -> Void) {
        let before = (committed: committed(by: part), used: part.used)
        body(&part)
        committed = committed - before.committed + committed(by: part)
        counted = counted - before.used + part.used
    }

    /// Totals only grow: a late report changes nothing. Whether more was used than granted.
    mutating func report(_ total: UInt64, _ part: inout Part) -> Bool {
        change(&part) { $0.used = max($0.used, min(total, Self.ceiling)) }
        return limit != nil && part.used > part.granted
    }

    /// Whether the holder's next packets may lack room.
    func asks(_ part: Part) -> Bool { limit != nil && (part.used >= part.mark || isShort(part)) }
    /// Whether the next packet may be refused.
    func isShort(_ part: Part) -> Bool { limit != nil && part.left < largest }
    /// Whether it is, and nothing can be done about it.
    func isSpent(_ part: Part) -> Bool { isShort(part) && rest < smallest }

    /// Gives what a holder among `holders` is to have in hand: twice the share of the life-size, so that a report comes
    /// when the share has passed; at most its even part of the slack, so that all together cannot use up what IKE needs to
    /// notice in time; of a short rest at most one part of all and one more, so that nobody takes it whole. Each step of
    /// `boost` doubles the first two.
    mutating func extend(_ part: inout Part, _ share: LifecountShare, holders: Int, boost: Int) {
        guard let limit else { return }
        let count = UInt64(max(1, holders))
        let slack = max((limit.hard - limit.soft) / 2, limit.hard / 16)
        let wanted = max(min(2 * share.of(limit.hard), slack / count) << UInt64(boost), 2 * largest)
        let bound = min(rest, max(rest / (count + 1), 2 * largest))
        let wish = min(bound, wanted > part.left ? wanted - part.left : 0)
        let more = wish >= smallest ? wish : 0
        change(&part) {
            // More was used than granted: that is the sum's already.
            $0.granted = max($0.granted, $0.used) + more
            $0.mark = $0.used + $0.left / 2
        }
    }

    /// Nothing is heard of the process: what it did not report counts as used, until it is found again.
    mutating func lose(_ part: Part) { counted += committed(by: part) - part.used }
    mutating func find(_ part: Part) { counted -= committed(by: part) - part.used }

    /// The process, which is not lost, is gone. What it may have used counts as used, but for what it gave back by its last
    /// report.
    mutating func fold(_ part: Part, isSettled: Bool) {
        former = min(former + (isSettled ? part.used : committed(by: part)), 1 << 62)
        committed -= committed(by: part)
        counted -= part.used
    }
}
