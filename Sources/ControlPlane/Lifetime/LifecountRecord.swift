internal import Associations

/// What the ledger keeps for one SA, and for one holder of it.
extension LifecountLedger {
    struct Holding: Sendable {
        var bytes = LifecountMeter.Part()
        var packets = LifecountMeter.Part()
        /// How often it ran short while there was a rest: its grants double each time.
        var boost: UInt8 = 0
        /// Nothing is heard of its process.
        var isLost = false
    }

    struct Record: Sendable {
        let policy: String
        let serving: Serving
        var bytes: LifecountMeter
        var packets: LifecountMeter
        var holdings = LifecountHoldings()
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
        bytes.extend(&holding.bytes, share, holders: holders, boost: Int(holding.boost))
        packets.extend(&holding.packets, share, holders: holders, boost: Int(holding.boost))
    }

    mutating func lose(_ holder: HolderID) {
        guard var holding = holdings[holder], !holding.isLost else { return }
        bytes.lose(holding.bytes)
        packets.lose(holding.packets)
        holding.isLost = true
        holdings[holder] = holding
    }

    mutating func find(_ holder: HolderID) {
        guard var holding = holdings[holder], holding.isLost else { return }
        bytes.find(holding.bytes)
        packets.find(holding.packets)
        holding.isLost = false
        holdings[holder] = holding
    }

    /// Takes a process out: it is gone.
    mutating func fold(_ holder: HolderID, isSettled: Bool) {
        find(holder)
        guard let holding = holdings[holder] else { return }
        bytes.fold(holding.bytes, isSettled: isSettled)
        packets.fold(holding.packets, isSettled: isSettled)
        holdings[holder] = nil
    }
}

/// The holders' parts of one SA, in the order of the holders. An array, since each of 100,000 SAs has one, and dictionaries of
/// so few take several times the memory.
struct LifecountHoldings: Sendable {
    private var entries: [(holder: HolderID, holding: LifecountLedger.Holding)] = []

    var count: Int { entries.count }

    /// The first place whose holder is not before this one.
    private func place(of holder: HolderID) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].holder < holder { low = middle + 1 } else { high = middle }
        }
        return low
    }

    subscript(holder: HolderID) -> LifecountLedger.Holding? {
        get {
            let place = place(of: holder)
            return place < entries.count && entries[place].holder == holder ? entries[place].holding : nil
        }
        set {
            let place = place(of: holder)
            let isThere = place < entries.count && entries[place].holder == holder
            switch (isThere, newValue) {
            case (true, let holding?): entries[place].holding = holding
            case (true, nil): entries.remove(at: place)
            case (false, let holding?): entries.insert((holder, holding), at: place)
            case (false, nil): break
            }
        }
    }
}

extension ShadowEntry.Key: Comparable {
    public static func < (a: Self, b: Self) -> Bool {
        (a.spi.rawValue, a.direction == .inbound ? 0 : 1) < (b.spi.rawValue, b.direction == .inbound ? 0 : 1)
    }
}
