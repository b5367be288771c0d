public import Associations
internal import Synchronization

/// The desks of all workers of a router, as one: what the control plane publishes goes to those it concerns, what they report is
/// one report (docs/workers.md). With one worker it is that worker's desk and nothing else.
public final class WorkerDesks: Sendable {
    private struct Shared {
        var groups: AssociationGroups
        /// Whose turn it is where nobody can claim a group.
        var turn = 0
        var refusals: [String] = []
    }

    private struct Rounds {
        var value: UInt64 = 0
        var counts: [UInt64]
    }

    public let desks: [WorkerDesk]
    /// nil with one worker.
    public let crew: WorkerCrew?
    private let hasClaims: Bool
    private let shared: Mutex<Shared>
    private let rounds: Mutex<Rounds>

    /// - Parameters:
    ///   - processors: by worker, the one that it is bound to; none for one worker that is not bound.
    ///   - associationCapacity: of each worker's table.
    ///   - verification: where targets verify, no packet's word gives a group to a worker: they take turns.
    public init(count: Int, processors: [Int] = [], associationCapacity: Int, verification: Verification = .router) {
        desks = (0..<count).map { WorkerDesk(processor: $0 < processors.count ? processors[$0] : nil) }
        // A group for each SA, and as many that are remembered or may not be used for some rounds.
        let capacity = count > 1 ? associationCapacity * 2 + 64 : 1
        crew = count > 1 ? WorkerCrew(count: count, groupCapacity: capacity) : nil
        hasClaims = verification == .router
        shared = Mutex(Shared(groups: AssociationGroups(capacity: capacity)))
        rounds = Mutex(Rounds(counts: Array(repeating: 0, count: count)))
    }

    public func end() { for desk in desks { desk.end() } }

    /// Rises when every worker has gone a round more: it stands still when one of them does.
    public var roundCount: UInt64 {
        guard desks.count > 1 else { return desks[0].roundCount }
        return rounds.withLock { rounds in
            let counts = desks.map(\.roundCount)
            if zip(counts, rounds.counts).allSatisfy({ $0 > $1 }) {
                rounds.value += 1
                rounds.counts = counts
            }
            return rounds.value
        }
    }

    public var latestReport: RouterReport {
        let reports = desks.map(\.latestReport)
        guard desks.count > 1 else { return reports[0] }
        var report = RouterReport(merging: reports)
        report.refusals += shared.withLock(\.refusals)
        return report
    }

    /// What `WorkerDesk.takeSightings` has, of all: an SA's packets are one worker's, so nobody is seen twice.
    public func takeSightings() -> [PeerSighting] { desks.flatMap { $0.takeSightings() } }

    /// An SA of the configuration as every worker's router is to install it before it begins.
    public func prepare(_ association: SecurityAssociation) -> SecurityAssociation {
        guard let crew, association.direction == .inbound else { return association }
        return shared.withLock { assign(association, &$0, crew) } ?? association
    }

    /// Tells every worker that it concerns, in the same order. False when one of them does not keep up.
    public func offer(_ publication: Publication) -> Bool {
        guard let crew else { return desks[0].inbox.offer(publication) }
        return shared.withLock { shared in
            switch publication {
            case .install(let association) where association.direction == .inbound:
                guard let assigned = assign(association, &shared, crew) else {
                    if shared.refusals.count < 100 {
                        shared.refusals.append("\(publication.subject): no group is free among the workers")
                    }
                    return true
                }
                return offerToAll(.install(assigned))
            case .remove(let spi, .inbound):
                let isTaken = offerToAll(publication)
                shared.groups.leave(spi)
                return isTaken
            case .probe: return desks[0].inbox.offer(publication)
            case .alive(let connection, _):
                // It may be entered: where the packets of its connection come to.
                let group = shared.groups.group(of: connection.remote)
                let owner = group.map { claim($0, &shared, crew) } ?? 0
                return desks[owner].inbox.offer(publication)
            default: return offerToAll(publication)
            }
        }
    }

    private func offerToAll(_ publication: Publication) -> Bool {
        desks.map { $0.inbox.offer(publication) }.allSatisfy { $0 }
    }

    private func assign(
        _ association: SecurityAssociation, _ shared: inout Shared, _ crew: WorkerCrew
    ) -> SecurityAssociation? {
        guard let entered = shared.groups.enter(association, round: roundCount) else { return nil }
        for change in entered.changes {
            switch change {
            case .retire(let group): crew.setOwner(of: Int(group), WorkerCrew.retired)
            case .reopen(let group): crew.setOwner(of: Int(group), WorkerCrew.nobody)
            }
        }
        if entered.isNew, !hasClaims { _ = claim(entered.group, &shared, crew) }
        var association = association
        association.workerGroup = entered.group
        return association
    }

    /// The group's owner; that whose turn it is when it had none.
    private func claim(_ group: Int32, _ shared: inout Shared, _ crew: WorkerCrew) -> Int {
        if let owner = crew.owner(of: Int(group)) { return owner }
        let owner = Int(crew.claim(Int(group), by: shared.turn))
        if owner == shared.turn { shared.turn = (shared.turn + 1) % desks.count }
        // Retired: nobody's, and soon nothing's.
        return owner < desks.count ? owner : 0
    }
}
