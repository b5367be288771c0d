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
    private struct Process: Sendable {
        var incarnation: UInt64
        /// Whether it is heard of.
        var isPresent: Bool
    }

    struct Holding: Sendable {
        var bytes = LifecountMeter.Part()
        var packets = LifecountMeter.Part()
        /// How often it ran short while there was a rest: its grants double each time.
        var boost = 0
    }

    struct Record: Sendable {
        let policy: String
        let serving: Serving
        var bytes: LifecountMeter
        var packets: LifecountMeter
        var holdings: [HolderID: Holding] = [:]
        /// Who asked and got nothing: the first to get what is given back.
        var hungry: Set<HolderID> = []
        var told: AssociationUsage
        var isExhausted = false
        var isRefreshed = false

        /// Whether IKE has had a reason to refresh it.
        var isDue: Bool {
            bytes.limit.map { told.bytes >= $0.soft } == true || packets.limit.map { told.packets >= $0.soft } == true
        }
    }

    /// Targets of one cluster, present and former.
    public static let holderLimit = 512
    static let boostLimit = 6

    private let bounds: PacketBounds
    private var processes: [HolderID: Process] = [:]
    private var records: [ShadowEntry.Key: Record] = [:]
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
    private mutating func answer(_ holder: HolderID, _ key: ShadowEntry.Key) -> [Action] {
        guard var record = records[key], var holding = record.holdings[holder],
            record.bytes.asks(holding.bytes) || record.packets.asks(holding.packets)
        else { return [] }
        record.holdings[holder] = nil
        records[key] = nil
        if record.isShort(holding), holding.boost < Self.boostLimit { holding.boost += 1 }
        record.extend(&holding, share(of: record.policy), holders: record.holdings.count + 1)
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
    private mutating func account(_ key: ShadowEntry.Key) -> [Action] {
        guard let record = records[key] else { return [] }
        var total = record.told
        total.bytes = max(total.bytes, record.bytes.told)
        total.packets = max(total.packets, record.packets.told)
        guard total != record.told else { return [] }
        records[key]!.told = total
        return [.usage(total)]
    }
}

/// Processes come and go.
extension LifecountLedger {
    /// A process is there, and has, or gets, what it serves. One that is there again is as it was; another one begins at
    /// 0, and what its predecessor was granted counts as used.
    public mutating func began(_ holder: HolderID, incarnation: UInt64) -> [Action] {
        let former = processes.updateValue(Process(incarnation: incarnation, isPresent: true), forKey: holder)
        precondition(processes.count <= Self.holderLimit)
        let isSame = former?.incarnation == incarnation
        let present = processes.values.count(where: \.isPresent)
        return eachServing(holder) { record, key, share in
            let holders = record.serving == .everybody ? present : 1
            if let holding = record.holdings[holder], !isSame { record.fold(holding, isSettled: false) }
            if !isSame || record.holdings[holder] == nil {
                record.holdings[holder] = record.begin(share, holders: holders)
            } else {
                record.with(holder) { record, holding in
                    record.bytes.find(&holding.bytes)
                    record.packets.find(&holding.packets)
                }
            }
            return record.grant(key, record.holdings[holder]!).map { [.grant(holder, $0)] } ?? []
        }
    }

    /// Nothing is heard of it any more. What it was granted stays counted, and IKE takes it for used.
    public mutating func lost(_ holder: HolderID) -> [Action] {
        guard processes[holder]?.isPresent == true else { return [] }
        processes[holder]!.isPresent = false
        return eachServing(holder) { record, _, _ in
            record.with(holder) { record, holding in
                record.bytes.lose(&holding.bytes)
                record.packets.lose(&holding.packets)
            }
            record.hungry.remove(holder)
            return []
        }
    }

    /// It has stopped its packet path, and what it reported behind that is all: the rest of its grants is there for others.
    public mutating func left(_ holder: HolderID, incarnation: UInt64) -> [Action] {
        guard let process = processes[holder], process.isPresent, process.incarnation == incarnation else { return [] }
        processes[holder] = nil
        var fed: [(HolderID, ShadowEntry.Key)] = []
        let actions = eachServing(holder) { record, key, _ in
            if let holding = record.holdings.removeValue(forKey: holder) { record.fold(holding, isSettled: true) }
            record.hungry.remove(holder)
            fed += record.hungry.sorted().map { ($0, key) }
            return []
        }
        return actions + fed.flatMap { answer($0.0, $0.1) + account($0.1) }
    }

    /// In the order of the SPIs, so that the same events give the same actions.
    private mutating func eachServing(
        _ holder: HolderID, _ body: (inout Record, ShadowEntry.Key, LifecountShare) -> [Action]
    ) -> [Action] {
        var actions: [Action] = []
        for key in records.keys.sorted() where records[key]!.serving.includes(holder) {
            let share = share(of: records[key]!.policy)
            actions += body(&records[key]!, key, share)
            actions += account(key)
        }
        return actions
    }
}

extension LifecountLedger.Record {
    func isShort(_ holding: LifecountLedger.Holding) -> Bool {
        bytes.isShort(holding.bytes) || packets.isShort(holding.packets)
    }

    func isSpent(_ holding: LifecountLedger.Holding) -> Bool {
        bytes.isSpent(holding.bytes) || packets.isSpent(holding.packets)
    }

    /// nil where neither bytes nor packets have an end.
    func grant(_ key: ShadowEntry.Key, _ holding: LifecountLedger.Holding) -> LifecountGrant? {
        guard bytes.limit != nil || packets.limit != nil else { return nil }
        return LifecountGrant(
            spi: key.spi, direction: key.direction, bytes: bytes.limit == nil ? .max : holding.bytes.granted,
            packets: packets.limit == nil ? .max : holding.packets.granted)
    }

    mutating func begin(_ share: LifecountShare, holders: Int) -> LifecountLedger.Holding {
        var holding = LifecountLedger.Holding()
        extend(&holding, share, holders: holders)
        return holding
    }

    mutating func extend(_ holding: inout LifecountLedger.Holding, _ share: LifecountShare, holders: Int) {
        bytes.extend(&holding.bytes, share, holders: holders, boost: holding.boost)
        packets.extend(&holding.packets, share, holders: holders, boost: holding.boost)
    }

    mutating func fold(_ holding: LifecountLedger.Holding, isSettled: Bool) {
        bytes.fold(holding.bytes, isSettled: isSettled)
        packets.fold(holding.packets, isSettled: isSettled)
    }

    mutating func with(_ holder: HolderID, _ body: (inout Self, inout LifecountLedger.Holding) -> Void) {
        guard var holding = holdings[holder] else { return }
        body(&self, &holding)
        holdings[holder] = holding
    }
}

extension ShadowEntry.Key: Comparable {
    public static func < (a: Self, b: Self) -> Bool {
        (a.spi.rawValue, a.direction == .inbound ? 0 : 1) < (b.spi.rawValue, b.direction == .inbound ? 0 : 1)
    }
}
