public import Associations

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
            if !isSame { record.fold(holder, isSettled: false) }
            if !isSame || record.holdings[holder] == nil {
                record.holdings[holder] = record.begin(share, holders: holders)
            } else {
                record.find(holder)
            }
            return record.grant(key, record.holdings[holder]!).map { [.grant(holder, $0)] } ?? []
        }
    }

    /// Nothing is heard of it any more. What it was granted stays counted, and IKE takes it for used.
    public mutating func lost(_ holder: HolderID) -> [Action] {
        guard processes[holder]?.isPresent == true else { return [] }
        processes[holder]!.isPresent = false
        return eachServing(holder) { record, _, _ in
            record.lose(holder)
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
            record.fold(holder, isSettled: true)
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
