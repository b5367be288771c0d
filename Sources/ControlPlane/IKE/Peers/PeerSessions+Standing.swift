internal import Associations

/// Which sessions there are for a connection, and with a peer.
extension PeerSessions {
    /// From now on there is a session for the connection at this place.
    mutating func stand(_ id: ID, for place: Int) {
        guard entries[id]!.stands != place else { return }
        leave(id)
        entries[id]!.stands = place
        standing[place, default: 0] += 1
    }

    /// The peer has shown who it is.
    mutating func acquaint(_ id: ID, with peer: IdentificationPayload) {
        let acquaintance = Acquaintance(peer: peer, own: entries[id]!.session.policy.localID)
        entries[id]!.acquaintance = acquaintance
        acquaintances[acquaintance, default: []].insert(id)
    }

    /// It is over. Nothing that was there before.
    mutating func fall(_ id: ID) {
        leave(id)
        guard let acquaintance = entries[id]!.acquaintance else { return }
        entries[id]!.acquaintance = nil
        acquaintances[acquaintance]!.remove(id)
        if acquaintances[acquaintance]!.isEmpty { acquaintances[acquaintance] = nil }
    }

    private mutating func leave(_ id: ID) {
        guard let place = entries[id]!.stands else { return }
        entries[id]!.stands = nil
        let left = standing[place]! - 1
        standing[place] = left == 0 ? nil : left
    }

    /// Whether nobody whom this connection is about has an IKE SA with us (RFC 7296 §2.4).
    func isFirst(_ place: Int) -> Bool {
        let policy = connections[place].policy
        guard standing[place] == nil else { return false }
        return policy.remoteID.asked.map { acquaintances[Acquaintance(peer: $0, own: policy.localID)] == nil } ?? true
    }

    /// A connection that we are to keep, and that no session stands for any more, is begun again, a while later; and one
    /// whose session was to be replaced, which has not been.
    mutating func beginAgain(_ place: Int, replacing former: ID? = nil, at now: UInt64) {
        let isFormerThere = former.map { entries[$0]?.stands == place } ?? false
        guard standing[place] == nil || isFormerThere else { return }
        attempts[place]?.failed(at: now)
        attempts[place]?.former = isFormerThere ? former : nil
    }
}
