public import Associations

/// The router's account of what may be done under each SA, and by whom (docs/lifecounts.md). A machine without I/O.
///
/// What former processes may have used and what the present ones are granted never exceeds an SA's hard limit, in bytes and in
/// packets, in each direction. So nothing that happens to a target, or to a report, can overrun a key.
public struct LifecountLedger: Sendable {
    public enum Action: Sendable, Equatable {
        /// What the holder may do in all. Of a new SA it must be applied together with it.
        case grant(HolderID, LifecountGrant)
        /// What IKE is to take for used by all together; it only grows.
        case usage(AssociationUsage)
        /// A holder asked, and nothing is left. Said once an SA; its packets are refused from now on.
        case exhausted(ShadowEntry.Key)
    }

    /// What is odd about a report.
    public enum Event: Sendable, Hashable {
        /// Of an SA that is not in the ledger, or not with that holder: it was removed meanwhile.
        case unknownAssociation
        /// Of a process that another one took the place of, or of one that did not begin. Nothing changes.
        case strangeProcess
        /// Less than was reported before: it came late. Nothing changes.
        case late
        /// More than was granted. It counts.
        case overrun
    }

    public struct Limits: Sendable, Hashable {
        /// nil for no end, as below.
        public var bytes: SessionPolicy.Limit?
        public var packets: SessionPolicy.Limit?

        public init(bytes: SessionPolicy.Limit? = nil, packets: SessionPolicy.Limit? = nil) {
            self.bytes = bytes
            self.packets = packets
        }
    }

    /// Who gets an SA.
    public enum Serving: Sendable, Hashable {
        case everybody
        case only(HolderID)

        func includes(_ holder: HolderID) -> Bool { self == .everybody || self == .only(holder) }
    }

    /// Bounds of a packet. Bytes from ESP header to ICV; packets as many as a batch may bring at once.
    public struct PacketBounds: Sendable, Hashable {
        public var largestBytes: UInt64 = 2048
        public var smallestBytes: UInt64 = 64
        public var batch: UInt64 = 4
        public init() {}
    }

    /// A holder's process.
    struct Process: Sendable {
        var incarnation: UInt64
        /// Whether it is heard of.
        var isPresent: Bool
    }

    /// Targets of one cluster, present and former.
    public static let holderLimit = 512
    static let boostLimit: UInt8 = 6

    private let bounds: PacketBounds
    var processes: [HolderID: Process] = [:]
    var records: [ShadowEntry.Key: Record] = [:]
    /// By policy: as many as there are connections in the configuration.
    private var shares: [String: LifecountShare] = [:]
    /// How often there was something odd, for status.
    public private(set) var events: [Event: UInt64] = [:]

    public init(bounds: PacketBounds = PacketBounds()) { self.bounds = bounds }

    /// How much may pass between two reports, for status.
    public func share(of policy: String) -> LifecountShare { shares[policy] ?? LifecountShare() }

    /// What a holder may do under an SA; nil where nothing limits it, or where it has not got the SA.
    public func grant(of key: ShadowEntry.Key, to holder: HolderID) -> LifecountGrant? {
        guard let record = records[key], let holding = record.holdings[holder] else { return nil }
        return record.grant(key, holding)
    }

    /// What may still be granted under an SA; nil where there is no such SA. For status.
    public func rest(of key: ShadowEntry.Key) -> (bytes: UInt64, packets: UInt64)? {
        records[key].map { ($0.bytes.rest, $0.packets.rest) }
    }

    /// A new SA, or another one in place of one with the same key. `carried` is what was done under it before: what a former
    /// owner had granted.
    public mutating func install(
        _ key: ShadowEntry.Key, _ limits: Limits, policy: String, serving: Serving = .everybody,
        carried: (bytes: UInt64, packets: UInt64) = (0, 0)
    ) -> [Action] {
        var record = Record(
            policy: policy, serving: serving,
            bytes: LifecountMeter(
                limit: limits.bytes, largest: bounds.largestBytes, smallest: bounds.smallestBytes,
                carried: carried.bytes),
            packets: LifecountMeter(
                limit: limits.packets, largest: bounds.batch, smallest: 1, carried: carried.packets),
            told: .none(key.spi, key.direction))
        let holders = processes.filter { $0.value.isPresent && serving.includes($0.key) }.keys.sorted()
        var actions: [Action] = []
        for holder in holders {
            record.holdings[holder] = record.begin(share(of: policy), holders: holders.count)
            if let grant = record.grant(key, record.holdings[holder]!) { actions.append(.grant(holder, grant)) }
        }
        records[key] = record
        return actions + account(key)
    }

    /// The SA is gone. IKE did refresh it in time if it had to.
    public mutating func remove(_ key: ShadowEntry.Key) {
        refreshed(key)
        records[key] = nil
    }

    /// Another SA takes this one's place; what becomes of the old one says nothing about how quick IKE is.
    public mutating func refreshed(_ key: ShadowEntry.Key) {
        guard let record = records[key], !record.isRefreshed else { return }
        records[key]!.isRefreshed = true
        if record.isDue, !record.isExhausted { shares[record.policy, default: LifecountShare()].relax() }
    }

    /// Totals since the holder's process got its SAs. Every holder that asks is answered by a grant, of a new end if there is
    /// one.
    public mutating func report(
        _ holder: HolderID, incarnation: UInt64, _ usage: [AssociationUsage]
    ) -> [Action] {
        guard let process = processes[holder], process.isPresent, process.incarnation == incarnation else {
            events[.strangeProcess, default: 0] += 1
            return []
        }
        return usage.flatMap { report(holder, $0) }
    }

    private mutating func report(_ holder: HolderID, _ usage: AssociationUsage) -> [Action] {
        let key = ShadowEntry.Key(spi: usage.spi, direction: usage.direction)
        guard var holding = records[key]?.holdings[holder] else {
            events[.unknownAssociation, default: 0] += 1
            return []
        }
        if usage.bytes < holding.bytes.used || usage.packets < holding.packets.used {
            events[.late, default: 0] += 1
            return []
        }
        let isOver = records[key]!.bytes.report(usage.bytes, &holding.bytes)
        if records[key]!.packets.report(usage.packets, &holding.packets) || isOver {
            events[.overrun, default: 0] += 1
        }
        records[key]!.holdings[holder] = holding
        return answer(holder, key) + account(key)
    }

    /// What a holder gets that asks; nothing for one that does not.
    mutating func answer(_ holder: HolderID, _ key: ShadowEntry.Key) -> [Action] {
        guard var record = records[key], var holding = record.holdings[holder],
            record.bytes.asks(holding.bytes) || record.packets.asks(holding.packets)
        else { return [] }
        // So that the record is changed where it is, not copied.
        records[key] = nil
        if record.isShort(holding), holding.boost < Self.boostLimit { holding.boost += 1 }
        record.extend(&holding, share(of: record.policy), holders: record.holdings.count)
        var actions: [Action] = []
        if let grant = record.grant(key, holding) { actions.append(.grant(holder, grant)) }
        if record.isSpent(holding) {
            record.hungry.insert(holder)
            if !record.isExhausted {
                record.isExhausted = true
                actions.append(.exhausted(key))
                if !record.isRefreshed { shares[record.policy, default: LifecountShare()].shrink() }
            }
        } else {
            record.hungry.remove(holder)
        }
        record.holdings[holder] = holding
        records[key] = record
        return actions
    }

    /// Tells IKE, where there is news.
    mutating func account(_ key: ShadowEntry.Key) -> [Action] {
        guard let record = records[key] else { return [] }
        var total = record.told
        total.bytes = max(total.bytes, record.bytes.told)
        total.packets = max(total.packets, record.packets.told)
        guard total != record.told else { return [] }
        records[key]!.told = total
        return [.usage(total)]
    }
}
