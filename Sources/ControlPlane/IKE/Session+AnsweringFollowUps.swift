internal import Associations

/// The peer's IKE_FOLLOWUP_KE (RFC 9370 §2.2.4).
extension Session {
    /// SK {KEi(n), N(ADDITIONAL_KEY_EXCHANGE)}; `index` is that of the IKE SA it came through.
    func answerFollowUp(
        _ established: inout Established, _ index: Int, _ payloads: [IKEPayload], at now: UInt64,
        using random: inout some IKERandomness
    ) -> Reply {
        let old = established.associations[index]
        guard var awaited = established.awaited, let method = awaited.method, awaited.association == old.ownSPI,
            payloads.notification(.additionalKeyExchange)?.data == awaited.link.data
        else { return .error(NotifyPayload(.stateNotFound), [.count(.exchangeRefused)]) }
        established.awaited = nil
        guard established.closing != .asked else { return .putOff }
        guard let theirs = payloads.keyExchange, theirs.method.rawValue == method.transformID,
            let exchange = try? KeyExchange.answer(theirs.data, by: method, using: &random)
        else { return .error(NotifyPayload(.invalidSyntax), [.refused(.invalidSyntax)]) }
        awaited.endRound(with: exchange.sharedSecret, timing: policy.timing, at: now)
        var reply = Reply(payloads: [.keyExchange(KeyExchangePayload(theirs.method, data: exchange.publicValue))])
        guard awaited.method == nil else {
            established.awaited = awaited
            reply.payloads.append(.notify(awaited.link))
            return reply
        }
        switch awaited.subject {
        case .child(var agreement, let replaced):
            agreement.relocate(established)
            let old = replaced.flatMap { established.child(inbound: $0) }
            make(&established, agreement, awaited.secrets, replacing: old, &reply)
        case .successor(let agreement):
            let room = established.makeRoom()
            guard room.hasRoom else { return .putOff }
            reply.before = room.actions
            make(&established, agreement, agreement.channel(after: old.channel, awaited.secrets), at: now, &reply)
        }
        return reply
    }
}
