internal import Associations

/// Message IDs after another member of a cluster took an IKE SA over (RFC 6311): INFORMATIONAL exchanges outside of the
/// windows, with the message ID 0.
extension Session {
    /// Asks the peer where the message IDs stand, because this session was restored from a state that may be behind: `ahead`
    /// requests of ours at most may have been sent since. What was under way is asked again afterwards. Nothing with a peer
    /// that does not know it, and before the session is established.
    ///
    /// The IVs of the IKE SA leap by 2^32, so that none comes twice. The same state is not to be restored a second time.
    public mutating func synchronise(
        ahead: UInt32, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(var established) = state, established.synchronises,
            established.current.nextOwnID < .max - ahead
        else { return [] }
        var actions = abandon(&established)
        established.channel.leap()
        let question = Synchronisation(
            nonce: UInt32(truncatingIfNeeded: random.next()), send: established.current.nextOwnID + ahead,
            receive: established.current.nextPeerID)
        actions += established.current.synchronise(question, path: established.path, timing: policy.timing, at: now)
        state = .established(established)
        return actions
    }

    /// The answer, with our nonce: from its numbers on the exchanges go on.
    func concludeSynchronisation(_ established: inout Established, _ answer: Synchronisation, through index: Int) {
        established.associations[index].nextOwnID = answer.receive
        established.associations[index].nextPeerID = answer.send
    }

    /// The peer's question; nil when this is none. One that says nothing new is passed over, but one that only comes again
    /// is answered again.
    mutating func answerSynchronisation(
        _ before: Established, _ index: Int, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action]? {
        let association = before.associations[index]
        guard before.synchronises, association.phase == .current, !arrival.isResponse, arrival.header.messageID == 0,
            arrival.header.exchange == .informational, let first = arrival.message.payloads.encrypted?.first
        else { return nil }
        if let actions = repeated(association.synchronised?.answer, arrival) { return actions }
        guard let plaintext = association.channel.unseal(arrival.message, arrival.datagram),
            let payloads = try? IKEPayload.innerChain(first, plaintext), let question = Synchronisation(payloads)
        else { return nil }
        // What the peer, or its predecessor, has used already (RFC 6311 §5.1): somebody's copy of an old question.
        guard question.send >= association.nextPeerID, question.send < .max,
            association.synchronised.map({ question.send > $0.to }) ?? true
        else { return [.count(.stale)] }
        var established = before
        established.lastHeard = arrival.now
        var actions = abandon(&established)
        established.current.nextPeerID = question.send
        established.current.nextOwnID = max(question.receive, established.current.nextOwnID)
        let reply = Synchronisation(
            nonce: question.nonce, send: established.current.nextOwnID, receive: established.current.nextPeerID)
        let answer = StoredAnswer(
            established.channel.seal([reply.payload], .informational, messageID: 0, isResponse: true),
            to: arrival.datagram, messageID: 0)
        established.current.synchronised = (question.send, answer)
        // Our numbers are reserved before they are used, and need no leap of the peer's.
        if payloads.notification(.ipsecReplayCounterSync) != nil { actions.append(.count(.replayCounterSync)) }
        actions.append(.count(.synchronised))
        state = .established(established)
        return actions + answer.sends(over: arrival.path) + proceed(at: arrival.now, using: &random)
    }

    /// Whoever has the IKE SA now at the other end, or had it at ours, may not know of our request: it is made anew. Of a
    /// Child SA it may have made one that we do not know.
    private func abandon(_ established: inout Established) -> [Action] {
        switch established.current.conclude() {
        case nil, .probe, .synchronise: return []
        case .discard(let spi): established.tasks.insert(SessionTask(.discard(spi)), at: 0)
        case .deleteChildren(let spis):
            for spi in spis { established.tasks.insert(SessionTask(.deleteReplaced(spi)), at: 0) }
        case .createChild(let asked):
            established.tasks.insert(SessionTask(.discard(asked.spi)), at: 0)
            if let old = asked.wish.replacing {
                established.enqueue(SessionTask(.rekeyChild(old)))
            } else {
                established.enqueue(
                    SessionTask(.createChild(ChildWish(selectors: asked.wish.selectors, resource: asked.wish.resource)))
                )
            }
        case .rekeyIKE(let asked):
            established.enqueue(SessionTask(.rekeyIKE))
            return [.release(asked.spi)]
        case .updateAddresses: established.enqueueFirst(.updateAddresses)
        case .checkRoute: established.enqueueFirst(.checkRoute)
        case .close: established.closing = .wished
        }
        return []
    }
}
