internal import Associations

/// INFORMATIONAL requests of the peer: DELETE, failures, or nothing (RFC 7296 §1.4).
extension Session {
    /// `index` is that of the IKE SA it came through.
    func take(
        _ established: inout Established, _ index: Int, _ payloads: [IKEPayload], at now: UInt64
    ) -> Reply {
        let isCurrent = established.associations[index].phase == .current
        if isCurrent, payloads.notification(.authenticationFailed) != nil {
            return Reply(end: .failed(.refusedByPeer(.informational, .authenticationFailed)))
        }
        if payloads.deletions.contains(.ikeSA) { return takeEnd(&established, index, at: now) }
        if established.associations[index].phase == .rival { adoptRival(&established, at: now) }
        return takeDeletions(&established, payloads)
    }

    /// The DELETE of an IKE SA: of one that has a successor only that, of the current one the session's end.
    private func takeEnd(_ established: inout Established, _ index: Int, at now: UInt64) -> Reply {
        let gone = IKEAssociation.Phase.gone(until: now + policy.timing.linger)
        let spi = established.associations[index].ownSPI
        var reply = Reply()
        switch established.associations[index].phase {
        case .current:
            // The peer has replaced it: either it did not see that we were about to, or its own survives.
            guard let rival = established.rekeying?.wish.rival, rival.stage != .awaited else {
                return Reply(end: .closed)
            }
            established.succeed(by: rival.spi, leaving: gone)
        case .rival:
            if var asked = established.rekeying, asked.wish.rival?.spi == spi {
                asked.wish.rival = nil
                established.current.asked = .rekeyIKE(asked)
            }
            established.associations[index].phase = gone
        case .leaving, .left, .gone:
            established.associations[index].phase = gone
        }
        // Whatever we asked through it, nobody answers any more.
        let asked = established.associations[index].conclude()
        established.repeatMove(asked)
        if case .rekeyIKE(let asked) = asked { reply.before.append(.release(asked.spi)) }
        return reply
    }

    /// The peer names its inbound SAs, our outbound ones; the answer names their partners (RFC 7296 §1.4.1), but those
    /// that we are closing ourselves (§2.25.1).
    private func takeDeletions(_ established: inout Established, _ payloads: [IKEPayload]) -> Reply {
        var named: [SPI] = []
        for case .esp(let spis) in payloads.deletions { named += spis }
        var reply = Reply()
        var partners: [SPI] = []
        var unknown: [SPI] = []
        for spi in named {
            guard let child = established.child(outbound: spi) else {
                unknown.append(spi)
                continue
            }
            if case .deleteChildren(let closing) = established.current.asked, closing.contains(child.spis.inbound) {
            } else {
                partners.append(child.spis.inbound)
            }
            if let next = established.children.firstIndex(where: { $0.spis.inbound == child.replacement }),
                !established.children[next].isUsed
            {
                established.children[next].isUsed = true
                reply.before.append(.use(established.children[next].spis))
            }
            _ = established.remove(child.spis.inbound)
            reply.after.append(.delete(child.spis))
        }
        if !unknown.isEmpty, case .createChild(var asked) = established.current.asked {
            asked.noteDeleted(unknown)
            established.current.asked = .createChild(asked)
        }
        if !partners.isEmpty { reply.payloads = [.delete(.esp(partners))] }
        return reply
    }
}
