public import Associations

/// All lease holders of a host. A round costs what there is to do in it: SAs that packets were sent or wait under, and
/// those that are due; however many SAs the host has.
///
/// ```
/// // After each batch, and at `deadline`:
/// holders.note(spi, waiting: n)         // for every SA that has a packet in the batch, sent ones too
/// for spi in holders.takeDue(at: now) { perform(holders.poll(spi, next: host.nextNumber(of: spi) ?? 0, at: now)) }
/// ```
public struct LeaseHolders: Sendable {
    private struct Entry: Sendable {
        var holder: LeaseHolder
        /// Packets without a number, as of the last round.
        var waiting = 0
        /// That of `deadlines`.
        var dueAt: UInt64?
    }

    private var entries: [SPI: Entry] = [:]
    private var deadlines = DeadlineQueue<SPI>()
    /// To be polled in this round.
    private var touched: Set<SPI> = []
    /// Packets waited under them in the last round: when none does any more, that is news.
    private var hungry: Set<SPI> = []
    private var former = LeaseHolder.Tally()
    /// Messages about an SA that is not here.
    public private(set) var unknownAssociation: UInt64 = 0

    public init(_ holders: [LeaseHolder] = []) {
        for holder in holders { add(holder) }
    }

    public var count: Int { entries.count }

    /// For an outbound SA that has come; one of the same SPI begins anew.
    public mutating func add(_ holder: LeaseHolder) {
        remove(holder.spi)
        entries[holder.spi] = Entry(holder: holder)
    }

    /// Leases of an SA that is gone: numbers that nobody can use any more.
    public mutating func remove(_ spi: SPI) {
        guard let entry = entries.removeValue(forKey: spi) else { return }
        former += entry.holder.tally
        touched.remove(spi)
        hungry.remove(spi)
    }

    /// A batch has packets of this SA; `waiting` of them have no number. Adds up until the round.
    public mutating func note(_ spi: SPI, waiting: Int) {
        guard entries[spi] != nil else { return }
        if touched.insert(spi).inserted { entries[spi]!.waiting = 0 }
        entries[spi]!.waiting += waiting
    }

    /// The SAs to `poll` now. Begins a new round: what waits must be noted again.
    public mutating func takeDue(at now: UInt64) -> [SPI] {
        for spi in hungry where !touched.contains(spi) {
            entries[spi]!.waiting = 0
            touched.insert(spi)
        }
        while let (at, spi) = deadlines.pop(until: now) {
            guard entries[spi]?.dueAt == at else { continue }
            entries[spi]!.dueAt = nil
            if touched.insert(spi).inserted { entries[spi]!.waiting = 0 }
        }
        defer {
            touched.removeAll(keepingCapacity: true)
            hungry.removeAll(keepingCapacity: true)
        }
        return Array(touched)
    }

    /// `next`: the packet path's first unused number, read right before; see `LeaseHolder`.
    public mutating func poll(_ spi: SPI, next: UInt64, at now: UInt64) -> [LeaseHolder.Action] {
        guard let waiting = entries[spi]?.waiting else { return [] }
        if waiting > 0 { hungry.insert(spi) }
        let actions = entries[spi]!.holder.poll(queued: waiting, next: next, at: now)
        schedule(spi)
        return actions
    }

    public mutating func receive(_ message: LeaseMessage, next: UInt64, at now: UInt64) -> [LeaseHolder.Action] {
        guard entries[message.spi] != nil else {
            unknownAssociation += 1
            return []
        }
        let actions = entries[message.spi]!.holder.receive(message, next: next, at: now)
        schedule(message.spi)
        return actions
    }

    private mutating func schedule(_ spi: SPI) {
        let deadline = entries[spi]!.holder.deadline
        guard deadline != entries[spi]!.dueAt else { return }
        entries[spi]!.dueAt = deadline
        if let deadline { deadlines.insert(spi, at: deadline) }
    }

    /// When there is something to do though no packet comes; perhaps a little early.
    public var deadline: UInt64? { deadlines.first }

    /// Of all, those that are gone among them.
    public var tally: LeaseHolder.Tally {
        var sum = former
        for entry in entries.values { sum += entry.holder.tally }
        return sum
    }
}

extension LeaseHolder.Tally {
    static func += (sum: inout Self, part: Self) {
        sum.leases += part.leases
        sum.repeatedRequests += part.repeatedRequests
        sum.staleMessages += part.staleMessages
        sum.lateLeases += part.lateLeases
        sum.expiredLeases += part.expiredLeases
        sum.revocations += part.revocations
        sum.refusals += part.refusals
    }
}
