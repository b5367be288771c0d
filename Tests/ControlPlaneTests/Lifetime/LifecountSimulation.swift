import Associations

@testable import ControlPlane

/// A router's ledger, some targets with their packet paths and reporters, the links between them and an IKE that refreshes
/// when it hears of the soft limit, in steps of a millisecond and from one seed.
final class LifecountSimulation {
    struct Conditions {
        var seed: UInt64
        var holders = 4
        var bytes = SessionPolicy.Limit(soft: 2_000_000, hard: 2_500_000)
        var packets: SessionPolicy.Limit? = SessionPolicy.Limit(soft: 4000, hard: 5000)
        /// Milliseconds from the soft limit to the new SA.
        var refreshDelay = 20
        /// Of a thousand reports.
        var lost = 0
        /// Milliseconds, at most, of a report or a grant on its way.
        var linkDelay = 3
        /// Of a hundred thousand steps.
        var deaths = 0, linkLosses = 0, orderlyStops = 0
        /// Packets of the busiest holder in a millisecond.
        var rate = 6
    }

    private struct Counter {
        var usage: AssociationUsage
        var grant: LifecountGrant
    }

    private struct Holder {
        var incarnation: UInt64
        var reporter = LifecountReporter(timing: .init())
        var counters: [ShadowEntry.Key: Counter] = [:]
        /// The newest outbound SA is the one that is used.
        var current: ShadowEntry.Key?
        var rate: Int
        /// Steps: until when the process is not there, or its link.
        var deadUntil = 0, unlinkedUntil = 0
        /// Steps without a packet though it wants to send and may be heard.
        var starving = 0
    }

    private enum Arrival {
        case report(Int, incarnation: UInt64, [AssociationUsage])
        case install(Int, incarnation: UInt64, ShadowEntry.Key, LifecountGrant?)
        case grant(Int, incarnation: UInt64, LifecountGrant)
    }

    let conditions: Conditions
    private var random: SeededGenerator
    private var step = 0
    private var now: UInt64 { UInt64(step) * 1_000_000 }
    private(set) var ledger = LifecountLedger()
    private var holders: [Holder] = []
    /// When the last message of a link arrives: it is a stream.
    private var lastArrival: [Int]
    private var arrivals: [Int: [Arrival]] = [:]
    private var current: ShadowEntry.Key
    private var nextSPI: UInt32 = 1000
    private var refreshAt: Int?
    /// Removed some time after their successor came.
    private var removals: [(at: Int, ShadowEntry.Key)] = []

    /// What really went through, all processes together.
    private(set) var through: [ShadowEntry.Key: (bytes: UInt64, packets: UInt64)] = [:]
    private(set) var told: [ShadowEntry.Key: AssociationUsage] = [:]
    private(set) var exhausted: [ShadowEntry.Key] = []
    private(set) var refreshes = 0
    private(set) var refused = 0
    /// Milliseconds, the longest, that a holder with a link waited while there was a rest.
    private(set) var longestStarvation = 0
    /// By holder, packets sent.
    private(set) var sent: [Int]

    init(_ conditions: Conditions) {
        self.conditions = conditions
        random = SeededGenerator(seed: conditions.seed)
        current = ShadowEntry.Key(spi: SPI(rawValue: 1000), direction: .outbound)
        sent = Array(repeating: 0, count: conditions.holders)
        lastArrival = sent
        for index in 0..<conditions.holders {
            // Skewed: a few send most.
            let rate = index == 0 ? conditions.rate : max(1, conditions.rate >> random.below(5))
            holders.append(Holder(incarnation: random.next(), rate: rate))
            perform(ledger.began(HolderID(rawValue: UInt16(index)), incarnation: holders[index].incarnation))
        }
        install()
    }

    func run(steps: Int) {
        for _ in 0..<steps { advance() }
    }

    private func advance() {
        step += 1
        for arrival in arrivals.removeValue(forKey: step) ?? [] { take(arrival) }
        for index in holders.indices { turn(index) }
        if let refreshAt, step >= refreshAt {
            self.refreshAt = nil
            refreshes += 1
            removals.append((step + 200, current))
            ledger.refreshed(current)
            install()
        }
        for removal in removals.filter({ $0.at <= step }) {
            ledger.remove(removal.1)
            for index in holders.indices {
                holders[index].counters[removal.1] = nil
                holders[index].reporter.removed(removal.1)
            }
        }
        removals.removeAll { $0.at <= step }
    }

    private func install() {
        current = ShadowEntry.Key(spi: SPI(rawValue: nextSPI), direction: .outbound)
        nextSPI += 1
        through[current] = (0, 0)
        let actions = ledger.install(
            current, LifecountLedger.Limits(bytes: conditions.bytes, packets: conditions.packets), policy: "a")
        for index in holders.indices { sendInstall(current, to: index) }
        perform(actions.filter { if case .grant = $0 { false } else { true } })
    }

    private func sendInstall(_ key: ShadowEntry.Key, to index: Int) {
        guard isReachable(index) else { return }
        let grant = ledger.grant(of: key, to: HolderID(rawValue: UInt16(index)))
        carry(.install(index, incarnation: holders[index].incarnation, key, grant), on: index)
    }

    private func isReachable(_ index: Int) -> Bool {
        holders[index].deadUntil <= step && holders[index].unlinkedUntil <= step
    }

    private func turn(_ index: Int) {
        let holder = HolderID(rawValue: UInt16(index))
        if holders[index].deadUntil == step, step > 0 { begin(index) }
        if holders[index].unlinkedUntil == step, step > 0 { begin(index) }
        guard holders[index].deadUntil < step else { return }
        misfortune(index, holder)
        guard holders[index].deadUntil < step else { return }
        send(index)
        holders[index].reporter.note(holders[index].counters.values.map(\.usage), at: now)
        guard isReachable(index), holders[index].reporter.isAsking || step % 50 == index else { return }
        let usage = holders[index].reporter.take(upTo: 8, at: now)
        guard !usage.isEmpty, !random.chance(conditions.lost) else { return }
        // Not the stream: reports may overtake one another, too.
        arrivals[step + 1 + random.below(conditions.linkDelay), default: []].append(
            .report(index, incarnation: holders[index].incarnation, usage))
    }

    private func send(_ index: Int) {
        guard let key = holders[index].current, var counter = holders[index].counters[key] else { return }
        var isMoving = false
        for _ in 0..<holders[index].rate {
            let size = UInt64(64 + random.below(1400))
            guard counter.usage.bytes + size <= counter.grant.bytes, counter.usage.packets < counter.grant.packets
            else {
                refused += 1
                break
            }
            counter.usage.bytes += size
            counter.usage.packets += 1
            through[key]!.bytes += size
            through[key]!.packets += 1
            sent[index] += 1
            isMoving = true
        }
        holders[index].counters[key] = counter
        let rest = ledger.rest(of: key)
        let hasRoom = rest.map { $0.bytes >= 2048 && $0.packets >= 4 } ?? false
        holders[index].starving = isMoving || !hasRoom || !isReachable(index) ? 0 : holders[index].starving + 1
        longestStarvation = max(longestStarvation, holders[index].starving)
    }

    private func misfortune(_ index: Int, _ holder: HolderID) {
        let die = random.below(100_000)
        if die < conditions.deaths {
            holders[index] = Holder(incarnation: random.next(), rate: holders[index].rate)
            holders[index].deadUntil = step + 1 + random.below(300)
            perform(ledger.lost(holder))
        } else if die < conditions.deaths + conditions.linkLosses, isReachable(index) {
            holders[index].unlinkedUntil = step + 1 + random.below(300)
            perform(ledger.lost(holder))
        } else if die < conditions.deaths + conditions.linkLosses + conditions.orderlyStops, isReachable(index) {
            let last = holders[index].counters.values.map(\.usage)
            let incarnation = holders[index].incarnation
            perform(ledger.report(holder, incarnation: incarnation, last))
            perform(ledger.left(holder, incarnation: incarnation))
            holders[index] = Holder(incarnation: random.next(), rate: holders[index].rate)
            holders[index].deadUntil = step + 1 + random.below(300)
        }
    }

    /// A new connection; of a new process, or of one that kept its SAs.
    private func begin(_ index: Int) {
        guard holders[index].deadUntil <= step else { return }
        lastArrival[index] = step
        holders[index].reporter.began()
        perform(
            ledger.began(HolderID(rawValue: UInt16(index)), incarnation: holders[index].incarnation).filter {
                if case .grant = $0 { false } else { true }
            })
        for key in [ShadowEntry.Key](through.keys).sorted() where ledger.rest(of: key) != nil {
            sendInstall(key, to: index)
        }
    }

    private func carry(_ arrival: Arrival, on index: Int) {
        lastArrival[index] = max(lastArrival[index], step + 1 + random.below(conditions.linkDelay))
        arrivals[lastArrival[index], default: []].append(arrival)
    }

    private func take(_ arrival: Arrival) {
        switch arrival {
        case .report(let index, let incarnation, let usage):
            perform(ledger.report(HolderID(rawValue: UInt16(index)), incarnation: incarnation, usage))
        case .install(let index, let incarnation, let key, let grant):
            guard holders[index].incarnation == incarnation, ledger.rest(of: key) != nil else { return }
            let limit = grant ?? LifecountGrant(spi: key.spi, direction: key.direction)
            if holders[index].counters[key] == nil {
                holders[index].counters[key] = Counter(usage: .none(key.spi, key.direction), grant: limit)
                holders[index].reporter.installed(key)
            }
            if holders[index].current.map({ $0 < key }) != false { holders[index].current = key }
            if let grant { allow(grant, index) }
        case .grant(let index, let incarnation, let grant):
            guard holders[index].incarnation == incarnation else { return }
            allow(grant, index)
        }
    }

    private func allow(_ grant: LifecountGrant, _ index: Int) {
        let key = ShadowEntry.Key(spi: grant.spi, direction: grant.direction)
        guard holders[index].counters[key] != nil else { return }
        holders[index].counters[key]!.grant = grant
        holders[index].reporter.note(holders[index].counters.values.map(\.usage), at: now)
        holders[index].reporter.allowed(grant)
    }

    private func perform(_ actions: [LifecountLedger.Action]) {
        for action in actions {
            switch action {
            case .grant(let holder, let grant):
                let index = Int(holder.rawValue)
                // What is sent into a broken link is lost; a new connection says it anew.
                guard isReachable(index) else { continue }
                carry(.grant(index, incarnation: holders[index].incarnation, grant), on: index)
            case .usage(let total):
                let key = ShadowEntry.Key(spi: total.spi, direction: total.direction)
                told[key] = total
                let isOver =
                    total.bytes >= conditions.bytes.soft
                    || conditions.packets.map { total.packets >= $0.soft } == true
                if isOver, key == current, refreshAt == nil { refreshAt = step + conditions.refreshDelay }
            case .exhausted(let key): exhausted.append(key)
            }
        }
    }
}
