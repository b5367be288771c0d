internal import Associations

/// The peer's CREATE_CHILD_SA for a Child SA.
extension Session {
    /// What a request is answered with, and what is done before the answer leaves and after it.
    struct Reply {
        var payloads: [IKEPayload] = []
        var before: [Action] = []
        var after: [Action] = []
        /// The session is over with it, and this is the last action.
        var end: Action?

        static func error(_ notification: NotifyPayload, _ actions: [Action]) -> Reply {
            Reply(payloads: [.notify(notification)], before: actions)
        }
        static let putOff = Reply(payloads: [.notify(NotifyPayload(.temporaryFailure))], before: [.count(.putOff)])
    }

    /// `index` is that of the IKE SA it came through.
    func answerChild(
        _ established: inout Established, _ index: Int, _ payloads: [IKEPayload], path: Path, at now: UInt64,
        using random: inout some IKERandomness
    ) -> Reply {
        // RFC 7296 §2.25.2: while the IKE SA is being rekeyed or closed.
        guard established.associations[index].phase == .current, established.closing != .asked,
            established.rekeying == nil
        else { return .putOff }
        var old: Child?
        if let rekey = payloads.notification(.rekeySA) {
            guard let spi = rekey.childSPI, let known = established.child(outbound: spi) else {
                return answerUnknown(established, rekey)
            }
            // §2.25.1: while it is being closed; and one that was replaced only waits for that.
            if established.isClosing(known.spis.inbound) || known.replacement != nil { return .putOff }
            // RFC 9370 §2.2.4: ours has been decided on, and its further key exchanges go on.
            if established.rekeying(known.spis.inbound)?.followUps != nil { return .putOff }
            old = known
        } else if established.childCount >= policy.maximumChildren {
            return .error(NotifyPayload(.noAdditionalSAs), [.refused(.childCount)])
        }
        guard let nonce = payloads.nonce?.data else {
            return .error(NotifyPayload(.invalidSyntax), [.refused(.invalidSyntax)])
        }
        let negotiation = ChildNegotiation(
            policy: policy, established, role: .responder, path: path, initiatorNonce: nonce,
            responderNonce: random.nonce())
        switch negotiation.answer(payloads, using: &random) {
        case nil: return .error(NotifyPayload(.invalidSyntax), [.refused(.invalidSyntax)])
        case .refused(let refusal, let notification): return .error(notification, [.refused(refusal)])
        case .agreed(let agreement, _)
        where old == nil && payloads.notification(.saResourceInfo) != nil
            && established.countAlike(agreement.selectors) >= policy.maximumParallelChildren:
            return .error(NotifyPayload(.tsMaxQueue), [.refused(.parallelChildCount)])
        case .agreed(let agreement, let answer):
            var reply = Reply(payloads: answer)
            if let old, var asked = established.rekeying(old.spis.inbound) {
                asked.wish.rival = ChildWish.Rival(
                    child: agreement.spis.inbound, lowestNonce: lowestNonce(nonce, negotiation.responderNonce),
                    stage: .awaited)
                established.current.asked = .createChild(asked)
                reply.before.append(.count(.collision))
            }
            if agreement.rounds.isEmpty {
                make(&established, agreement, replacing: old, &reply)
            } else {
                let awaited = Awaited(
                    .child(agreement, replacing: old?.spis.inbound),
                    through: established.associations[index].ownSPI, timing: policy.timing, at: now)
                established.awaited = awaited
                reply.payloads.append(.notify(awaited.link))
            }
            return reply
        }
    }

    /// The Child SA that the peer asked for.
    func make(
        _ established: inout Established, _ agreement: ChildAgreement, _ secrets: [SecretBytes] = [],
        replacing old: Child?, _ reply: inout Reply
    ) {
        let spis = agreement.spis
        let associations = agreement.associations(secrets)
        established.children.append(Child(associations, isUsed: old == nil))
        reply.before.insert(.install(associations, replacing: old?.spis), at: 0)
        // The old one goes on until the peer deletes it, for we cannot know when it has the new one (§2.8).
        guard let old else {
            reply.after = [.use(spis)]
            return
        }
        if var asked = established.rekeying(old.spis.inbound), asked.wish.rival?.child == spis.inbound {
            asked.wish.rival?.stage = agreement.rounds.isEmpty ? .made : .settled
            established.current.asked = .createChild(asked)
        }
        established.replace(old.spis.inbound, by: spis.inbound)
    }

    /// Unless it is the one whose answer is still under way to us.
    private func answerUnknown(_ established: Established, _ rekey: NotifyPayload) -> Reply {
        if case .createChild = established.current.asked { return .putOff }
        var notification = NotifyPayload(.childSANotFound)
        notification.protocolID = rekey.protocolID
        notification.spi = rekey.spi
        return .error(notification, [.count(.exchangeRefused)])
    }
}
