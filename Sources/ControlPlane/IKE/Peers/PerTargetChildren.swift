public import Associations

/// Which IKE SAs have, beside the Child SA that all targets send under, one for each target alone: its numbers are that
/// target's, so no lease holds it up (docs/sequence-leases.md). An upgrade that the peer may refuse (RFC 9611 §3): then
/// leases go on by themselves.
///
/// ```
/// first Child SA in use, targets in service > 1
///        |                     refused, or no answer                    an hour, or a rekey
///        v   one at a time    .---------------------> leases only ---------------------------.
///   ask for target 0, 1, ... -|                            ^                                 |
///        ^                    '--> own SA in use --------->' the peer drops what comes by it |
///        '-----------------------------------------------------------------------------------'
///   a target leaves: its own SA goes after `Timing.absence`
/// ```
///
/// A machine without I/O. Events only change what it knows; `tick` says what is to be done.
public struct PerTargetChildren: Sendable {
    /// Durations in nanoseconds.
    public struct Timing: Sendable, Equatable {
        /// After a refusal, or once the peer dropped traffic.
        public var retry: UInt64 = 3_600_000_000_000
        /// After a refusal at the earliest, though there was a rekey.
        public var retryAfterRekey: UInt64 = 60_000_000_000
        /// A request without an outcome counts as refused.
        public var answer: UInt64 = 60_000_000_000
        /// How long the own SA of a target that left is kept.
        public var absence: UInt64 = 30_000_000_000
        /// How long an own SA may go without an answer while other targets get some ...
        public var silence: UInt64 = 10_000_000_000
        /// ... and while nobody does.
        public var commonSilence: UInt64 = 30_000_000_000
        /// Until what had to wait is tried again.
        public var pause: UInt64 = 50_000_000

        public init() {}
    }

    /// What it holds at most.
    public enum Limit {
        /// Own SAs of an IKE SA: beside the shared one and a rekey of each, within what peers take. Other targets lease.
        public static let children = 8
        /// Requests under way, of all IKE SAs together; the others wait.
        public static let asking = 64
        /// Peers that are remembered beyond their IKE SA; the mark that ends first goes.
        public static let marks = 4096
        /// Packets sent under an own SA without an answer before it may be given up.
        public static let unanswered: UInt64 = 64
    }

    public enum Action: Sendable, Equatable {
        /// Ask for one more Child SA with `resource(for:)`.
        case add(PeerSessions.ID, HolderID)
        /// The shared one was rekeyed and is younger now, and the youngest is what a target sends under.
        case rekey(PeerSessions.ID, ChildSPIs)
        case delete(PeerSessions.ID, ChildSPIs, Reason)
    }

    public enum Reason: Sendable, Equatable {
        case targetLeft(HolderID)
        /// Nothing came back for what the target sent under it.
        case unanswered(HolderID)
    }

    /// Who the peer is, and who we are to it.
    struct Peer: Hashable, Sendable {
        let peer, own: IdentificationPayload
    }

    private struct Mark {
        var until: UInt64
        /// A peer that dropped traffic is not asked again for a rekey's sake.
        var isForDropping: Bool
        var madeAt: UInt64
    }

    private struct Own {
        var spis: ChildSPIs
        var leftAt: UInt64?
        var isOver = false
        var wantsRekey = false
        /// The target's total under it, and that total when something last came for the target.
        var sent: UInt64 = 0
        var sentWhenHeard: UInt64 = 0
        /// Since when nothing has come for what was sent.
        var silentSince: UInt64?
    }

    private struct Upgrade {
        let peer: Peer
        var shared: Set<ChildSPIs> = []
        var own: [HolderID: Own] = [:]
        var asking: (holder: HolderID, at: UInt64)?
        var mark: Mark?
        /// When each target got something from the peer last.
        var heard: [HolderID: UInt64] = [:]
        /// Each target's latest total of packets, by SPI: sent under its own one, received under any.
        var totals: [HolderID: [SPI: UInt64]] = [:]
        var dueAt: UInt64?

        func holder(of spis: ChildSPIs) -> HolderID? { own.first { $0.value.spis == spis }?.key }
    }

    public let timing: Timing
    private var upgrades: [PeerSessions.ID: Upgrade] = [:]
    private var inboundOwners: [SPI: PeerSessions.ID] = [:]
    private var outboundOwners: [SPI: PeerSessions.ID] = [:]
    private var targets: Set<HolderID> = []
    private var marks: [Peer: Mark] = [:]
    private var agenda = DeadlineQueue<PeerSessions.ID>()
    /// Requests under way.
    public private(set) var asking = 0

    public init(timing: Timing = Timing()) { self.timing = timing }

    public var deadline: UInt64? { agenda.first }

    /// For the peer's operators (RFC 9611 §5.1), and for us: the target that it is for.
    public static func resource(for holder: HolderID) -> [UInt8] { Array("target \(holder.rawValue)".utf8) }

    /// nil for the resource of nobody here.
    public static func holder(of resource: [UInt8]) -> HolderID? {
        let words = String(decoding: resource, as: UTF8.self).split(separator: " ")
        guard words.count == 2, words[0] == "target", let place = UInt16(words[1]) else { return nil }
        return HolderID(rawValue: place)
    }

    /// The target that sends under this Child SA alone; nil when all do.
    public func holder(of spis: ChildSPIs, in id: PeerSessions.ID) -> HolderID? { upgrades[id]?.holder(of: spis) }

    /// Own Child SAs, of all IKE SAs.
    public var count: Int { upgrades.values.reduce(0) { $0 + $1.own.count } }

    // MARK: What happens to sessions

    /// An IKE SA whose connection may have them.
    public mutating func established(
        _ id: PeerSessions.ID, with peer: IdentificationPayload, as own: IdentificationPayload, at now: UInt64
    ) {
        guard upgrades[id] == nil else { return }
        let known = Peer(peer: peer, own: own)
        var upgrade = Upgrade(peer: known)
        if let mark = marks[known], now < mark.until { upgrade.mark = mark }
        upgrades[id] = upgrade
    }

    /// A Child SA is installed, and sent under from now on. `holder`: whose resource it was asked for with, if it was; one
    /// that replaces an own one is an own one.
    public mutating func used(
        _ spis: ChildSPIs, of id: PeerSessions.ID, for holder: HolderID?, replacing old: ChildSPIs?, at now: UInt64
    ) {
        guard let upgrade = upgrades[id] else { return }
        inboundOwners[spis.inbound] = id
        outboundOwners[spis.outbound] = id
        let inherited = old.flatMap(upgrade.holder)
        if let holder = holder ?? inherited {
            if upgrade.asking?.holder == holder { stopAsking(id) }
            upgrades[id]!.own[holder] = Own(spis: spis, leftAt: targets.contains(holder) ? nil : now)
        } else {
            upgrades[id]!.shared.insert(spis)
            if old != nil {
                for holder in upgrade.own.keys { upgrades[id]!.own[holder]!.wantsRekey = true }
                forgive(id, at: now)
            }
        }
        schedule(id, at: now)
    }

    public mutating func deleted(_ spis: ChildSPIs, of id: PeerSessions.ID, at now: UInt64) {
        guard let upgrade = upgrades[id] else { return }
        inboundOwners[spis.inbound] = nil
        outboundOwners[spis.outbound] = nil
        upgrades[id]!.shared.remove(spis)
        for holder in upgrade.totals.keys {
            upgrades[id]!.totals[holder]![spis.inbound] = nil
            upgrades[id]!.totals[holder]![spis.outbound] = nil
        }
        if let holder = upgrade.holder(of: spis) {
            // Deleted by the peer, it is not wanted: to ask at once for another would go round for ever.
            let isOurs = upgrade.own[holder]!.isOver
            upgrades[id]!.own[holder] = nil
            if !isOurs { mark(id, isForDropping: false, at: now) }
        }
        schedule(id, at: now)
    }

    /// The request for this target's came to nothing: NO_ADDITIONAL_SAS, TS_MAX_QUEUE, anything. What is there stays.
    public mutating func refused(_ holder: HolderID, in id: PeerSessions.ID, at now: UInt64) {
        guard upgrades[id]?.asking?.holder == holder else { return }
        stopAsking(id)
        mark(id, isForDropping: false, at: now)
        schedule(id, at: now)
    }

    /// An action could not be done now: the session is busy, or waits for a barrier.
    public mutating func putOff(_ action: Action, at now: UInt64) {
        switch action {
        case .add(let id, _):
            stopAsking(id)
            schedule(id, at: now + timing.pause)
        case .rekey(let id, let spis):
            guard let holder = upgrades[id]?.holder(of: spis) else { return }
            upgrades[id]!.own[holder]!.wantsRekey = true
            schedule(id, at: now + timing.pause)
        case .delete(let id, let spis, _):
            guard let holder = upgrades[id]?.holder(of: spis) else { return }
            upgrades[id]!.own[holder]!.isOver = false
            schedule(id, at: now + timing.pause)
        }
    }

    public mutating func ended(_ id: PeerSessions.ID) {
        guard let upgrade = upgrades.removeValue(forKey: id) else { return }
        if upgrade.asking != nil { asking -= 1 }
        for spis in upgrade.shared.union(upgrade.own.values.map(\.spis)) {
            inboundOwners[spis.inbound] = nil
            outboundOwners[spis.outbound] = nil
        }
    }

    // MARK: What happens to targets

    /// Which of them take connections or keep those they have.
    public mutating func inService(_ new: Set<HolderID>, at now: UInt64) {
        guard new != targets else { return }
        targets = new
        for id in upgrades.keys {
            for holder in upgrades[id]!.own.keys {
                if new.contains(holder) {
                    upgrades[id]!.own[holder]!.leftAt = nil
                } else if upgrades[id]!.own[holder]!.leftAt == nil {
                    upgrades[id]!.own[holder]!.leftAt = now
                }
            }
            schedule(id, at: now)
        }
    }

    /// What a target has done under SAs since it has them, as it reports it: packets, cumulative.
    ///
    /// What an own SA is given up by: `Limit.unanswered` packets went out under it and in all that time nothing came for
    /// this target under any SA of the peer, for `Timing.silence` while something came for another target, or for
    /// `Timing.commonSilence`. TCP that gets through is acknowledged, so only who sends and never hears is hit; and what
    /// it costs him is a lease.
    public mutating func reported(_ usage: [AssociationUsage], by holder: HolderID, at now: UInt64) {
        var touched: Set<PeerSessions.ID> = []
        for part in usage {
            let owners = part.direction == .inbound ? inboundOwners : outboundOwners
            guard let id = owners[part.spi], let upgrade = upgrades[id], !upgrade.own.isEmpty else { continue }
            let before = upgrade.totals[holder]?[part.spi]
            upgrades[id]!.totals[holder, default: [:]][part.spi] = part.packets
            // The first one, and that of a process that began anew, say nothing of what is new.
            guard let before, part.packets > before else { continue }
            touched.insert(id)
            if part.direction == .inbound {
                upgrades[id]!.heard[holder] = now
            } else if upgrade.own[holder]?.spis.outbound == part.spi {
                upgrades[id]!.own[holder]!.sent += part.packets - before
            }
        }
        for id in touched { judge(holder, in: id, at: now) }
    }

    private mutating func judge(_ holder: HolderID, in id: PeerSessions.ID, at now: UInt64) {
        guard var own = upgrades[id]?.own[holder] else { return }
        if upgrades[id]!.heard[holder] == now {
            own.sentWhenHeard = own.sent
            own.silentSince = nil
        } else if own.sent > own.sentWhenHeard, own.silentSince == nil {
            own.silentSince = now
        }
        upgrades[id]!.own[holder] = own
        if isDropped(own, holder, in: id, at: now) { schedule(id, at: now) }
    }

    private func isDropped(_ own: Own, _ holder: HolderID, in id: PeerSessions.ID, at now: UInt64) -> Bool {
        guard let since = own.silentSince, own.sent - own.sentWhenHeard >= Limit.unanswered else { return false }
        let othersHear = upgrades[id]!.heard.contains { $0.key != holder && $0.value > since }
        return now - since >= (othersHear ? timing.silence : timing.commonSilence)
    }

    // MARK: What is to be done

    public mutating func tick(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        // An entry that is put back for later is not asked again in this call.
        while let (at, id) = agenda.pop(until: now) {
            guard upgrades[id]?.dueAt == at else { continue }
            upgrades[id]!.dueAt = nil
            consider(id, at: now, into: &actions)
        }
        return actions
    }

    private mutating func consider(_ id: PeerSessions.ID, at now: UInt64, into actions: inout [Action]) {
        var next: UInt64 = .max
        for (holder, own) in upgrades[id]!.own.sorted(by: { $0.key < $1.key }) where !own.isOver {
            let isGone = own.leftAt.map { now >= $0 + timing.absence } ?? false
            if isGone || isDropped(own, holder, in: id, at: now) {
                upgrades[id]!.own[holder]!.isOver = true
                if !isGone { mark(id, isForDropping: true, at: now) }
                actions.append(.delete(id, own.spis, isGone ? .targetLeft(holder) : .unanswered(holder)))
                continue
            }
            if let leftAt = own.leftAt { next = min(next, leftAt + timing.absence) }
            if own.wantsRekey {
                upgrades[id]!.own[holder]!.wantsRekey = false
                actions.append(.rekey(id, own.spis))
            }
        }
        if let asked = upgrades[id]!.asking {
            if now >= asked.at + timing.answer {
                stopAsking(id)
                mark(id, isForDropping: false, at: now)
            } else {
                next = min(next, asked.at + timing.answer)
            }
        }
        if let holder = wanted(id) {
            if let mark = upgrades[id]!.mark, now < mark.until {
                next = min(next, mark.until)
            } else if asking >= Limit.asking {
                next = min(next, now + timing.pause)
            } else {
                upgrades[id]!.mark = nil
                upgrades[id]!.asking = (holder, now)
                asking += 1
                next = min(next, now + timing.answer)
                actions.append(.add(id, holder))
            }
        }
        if next < .max { schedule(id, at: next) }
    }

    /// The target that lacks one first.
    private func wanted(_ id: PeerSessions.ID) -> HolderID? {
        guard let upgrade = upgrades[id], !upgrade.shared.isEmpty, upgrade.asking == nil, targets.count > 1,
            upgrade.own.count < Limit.children
        else { return nil }
        return targets.filter { upgrade.own[$0] == nil }.min()
    }

    private mutating func stopAsking(_ id: PeerSessions.ID) {
        guard upgrades[id]?.asking != nil else { return }
        upgrades[id]!.asking = nil
        asking -= 1
    }

    /// Leases only, for a while.
    private mutating func mark(_ id: PeerSessions.ID, isForDropping: Bool, at now: UInt64) {
        let mark = Mark(until: now + timing.retry, isForDropping: isForDropping, madeAt: now)
        let peer = upgrades[id]!.peer
        upgrades[id]!.mark = mark
        if marks.count >= Limit.marks, marks[peer] == nil,
            let first = marks.min(by: { $0.value.until < $1.value.until })?.key
        {
            marks[first] = nil
        }
        marks[peer] = mark
    }

    /// The peer made new keys with us: it may be another one by now, or have another configuration.
    private mutating func forgive(_ id: PeerSessions.ID, at now: UInt64) {
        guard let mark = upgrades[id]?.mark, !mark.isForDropping, now >= mark.madeAt + timing.retryAfterRekey else {
            return
        }
        marks[upgrades[id]!.peer] = nil
        upgrades[id]!.mark = nil
    }

    private mutating func schedule(_ id: PeerSessions.ID, at moment: UInt64) {
        guard let upgrade = upgrades[id], moment < upgrade.dueAt ?? .max else { return }
        upgrades[id]!.dueAt = moment
        agenda.insert(id, at: moment)
    }
}
