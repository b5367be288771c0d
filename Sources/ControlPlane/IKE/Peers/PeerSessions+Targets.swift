public import Associations

/// Child SAs for one target alone, as `PerTargetChildren` wants them.
extension PeerSessions {
    /// The targets that are in service now; none before this is called for the first time, and then nothing is asked for.
    public mutating func targetsInService(
        _ targets: Set<HolderID>, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        perTarget.inService(targets, at: now)
        return upgrade(at: now, using: &random)
    }

    /// What a target says it has sent and received under SAs, for the judgement whether the peer takes what comes by its
    /// own SA; beside `sent`, which is about lifetimes.
    public mutating func reported(
        _ usage: [AssociationUsage], by holder: HolderID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        perTarget.reported(usage, by: holder, at: now)
        return upgrade(at: now, using: &random)
    }

    /// Does what is due of it.
    mutating func upgrade(at now: UInt64, using random: inout some IKERandomness) -> [Effect] {
        guard let deadline = perTarget.deadline, deadline <= now else { return [] }
        var effects: [Effect] = []
        for action in perTarget.tick(at: now) {
            let id = action.id
            // Behind a barrier time stands still.
            guard let entry = entries[id], entry.pending == nil else {
                perTarget.putOff(action, at: now)
                continue
            }
            let actions: [Session.Action]
            switch action {
            case .add(_, let holder):
                actions = entries[id]!.session.addChild(
                    resource: PerTargetChildren.resource(for: holder), at: now, using: &random)
                if actions.contains(where: { if case .refused(.childCount) = $0 { true } else { false } }) {
                    perTarget.refused(holder, in: id, at: now)
                }
            case .rekey(_, let spis): actions = entries[id]!.session.rekeyChild(spis, at: now, using: &random)
            case .delete(_, let spis, let reason):
                effects += log(id, "\(reason)", at: now)
                actions = entries[id]!.session.deleteChild(spis, at: now, using: &random)
            }
            effects += perform(actions, of: id, at: now, using: &random)
        }
        return effects
    }
}

extension PerTargetChildren.Action {
    var id: PeerSessions.ID {
        switch self {
        case .add(let id, _), .rekey(let id, _), .delete(let id, _, _): id
        }
    }
}

extension PerTargetChildren.Reason: CustomStringConvertible {
    /// For an operator's log, after the peer's name.
    public var description: String {
        switch self {
        case .targetLeft(let holder): "\(holder) is out of service; the Child SA for it alone goes"
        case .unanswered(let holder):
            "nothing comes back for what \(holder) sends under the Child SA for it alone; it sends by leases again"
        }
    }
}

extension PeerSessions.Effect {
    /// What a message that follows has to wait for.
    var isPublication: Bool {
        switch self {
        case .publish, .publishAlone: true
        case .send, .keepAlive, .barrier, .judge, .log: false
        }
    }
}
