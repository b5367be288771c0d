internal import Associations

/// The life of an established session: what comes through its IKE SAs.
extension Session {
    mutating func inform(
        _ established: Established, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        guard let index = established.associations.firstIndex(where: { $0.channel.isFromPeer(arrival.header) }) else {
            return [.count(.foreign)]
        }
        let association = established.associations[index]
        if let actions = repeated(association.answer, arrival, over: association.channel) { return actions }
        if let actions = answerSynchronisation(established, index, arrival, using: &random) { return actions }
        return arrival.isResponse
            ? conclude(established, index, arrival, using: &random)
            : answer(established, index, arrival, using: &random)
    }

    /// The peer's answer to our request.
    private mutating func conclude(
        _ before: Established, _ index: Int, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        let association = before.associations[index]
        guard let request = association.request, arrival.header.messageID == request.messageID,
            arrival.header.exchange == request.exchange
        else { return [.count(.stale)] }
        var established = before
        let inside: OpenedMessage
        switch established.associations[index].channel.open(arrival) {
        case .message(let opened): inside = opened
        case .nothing(let event):
            state = .established(established)
            return [.count(event)]
        }
        let payloads = try? IKEPayload.innerChain(inside.first, inside.plaintext)
        if case .synchronise(let question) = association.asked {
            // Any old answer to a request with the number 0 comes from the peer, too.
            guard question.isAnswered(by: payloads.flatMap { Synchronisation($0) }) else { return [.count(.stale)] }
        }
        established.lastHeard = arrival.now
        let moves = established.follow(arrival.path)
        var actions: [Action] = []
        switch established.associations[index].conclude() {
        case nil, .discard: break
        case .probe: concludeProbe(&established, payloads)
        case .synchronise:
            if let answer = payloads.flatMap({ Synchronisation($0) }) {
                concludeSynchronisation(&established, answer, through: index)
            }
        // Of two over two IKE SAs nobody knows which the peer took last.
        case .updateAddresses where association.phase != .current: established.enqueueFirst(.updateAddresses)
        case .updateAddresses(let path): actions = concludeUpdate(&established, path, payloads, arrival)
        case .checkRoute(let path, let cookie): actions = concludeRoute(&established, path, cookie, payloads)
        case .deleteChildren(let spis):
            actions = spis.compactMap { established.remove($0) }.map { .delete($0.spis) }
        case .createChild(let asked):
            actions = concludeChild(&established, asked, payloads, at: arrival.now, using: &random)
            actions += givenUp(asked, actions, established)
        case .rekeyIKE(let asked):
            do {
                actions = try concludeSuccessor(
                    &established, association.ownSPI, asked, payloads, at: arrival.now, using: &random)
            } catch {
                return end(.failed(error))
            }
        case .close where association.phase == .current: return end(.closed, answer: association.answer)
        case .close: actions = established.drop(index)
        }
        state = .established(established)
        return moves + actions + proceed(at: arrival.now, using: &random)
    }

    /// Our answer to a request of the peer.
    private mutating func answer(
        _ before: Established, _ index: Int, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        let association = before.associations[index]
        let messageID = arrival.header.messageID
        guard messageID >= association.nextPeerID else { return [.count(.stale)] }
        if case .gone = association.phase { return [.count(.stale)] }
        guard messageID == association.nextPeerID, messageID < .max else { return [.count(.outOfWindow)] }
        var established = before
        let inside: OpenedMessage
        switch established.associations[index].channel.open(arrival) {
        case .message(let opened): inside = opened
        case .nothing(let event):
            state = .established(established)
            return [.count(event)]
        }
        established.lastHeard = arrival.now
        let moves = established.follow(arrival.path)
        var reply: Reply
        do {
            let payloads = try IKEPayload.innerChain(inside.first, inside.plaintext)
            reply = self.reply(&established, index, payloads, arrival, using: &random)
        } catch {
            reply = .error(
                error.notification ?? NotifyPayload(.invalidSyntax), [.count(.malformed(error.name))])
        }
        guard let place = established.index(of: association.ownSPI) else {
            preconditionFailure("an IKE SA outlives its answer")
        }
        let answer = StoredAnswer(
            established.associations[place].channel.seal(
                reply.payloads, arrival.header.exchange, messageID: messageID, isResponse: true),
            to: inside.leading, messageID: messageID)
        established.associations[place].answer = answer
        established.associations[place].nextPeerID += 1
        state = .established(established)
        let actions = moves + reply.before + answer.sends(over: arrival.path) + reply.after
        if let last = reply.end { return actions + end(last, answer: answer) }
        return actions + proceed(at: arrival.now, using: &random)
    }

    private func reply(
        _ established: inout Established, _ index: Int, _ payloads: [IKEPayload], _ arrival: Arrival,
        using random: inout some IKERandomness
    ) -> Reply {
        var reply: Reply
        switch arrival.header.exchange {
        case .informational:
            reply = take(&established, index, payloads, at: arrival.now)
            if reply.end == nil { takeAddresses(&established, payloads, arrival, &reply) }
            if reply.end == nil { takeRedirect(&established, payloads, &reply) }
        case .createChildSA:
            // A peer that has its successor of our IKE SA at work has not seen ours, or deletes it.
            if established.associations[index].phase == .rival { adoptRival(&established, at: arrival.now) }
            // The peer has given up what it began before, or it would go on with that.
            established.awaited = nil
            if payloads.securityAssociation?.proposals.first?.protocolID == .ike {
                reply = answerSuccessor(&established, index, payloads, at: arrival.now, using: &random)
            } else {
                reply = answerChild(
                    &established, index, payloads, path: established.path, at: arrival.now, using: &random)
            }
        case .ikeFollowupKE:
            reply = answerFollowUp(&established, index, payloads, at: arrival.now, using: &random)
        default: reply = .error(NotifyPayload(.invalidSyntax), [.count(.exchangeRefused)])
        }
        return reply
    }

    /// The peer's successor of the IKE SA becomes the current one; ours may still be answered.
    func adoptRival(_ established: inout Established, at now: UInt64) {
        guard let rival = established.rekeying?.wish.rival, rival.stage != .awaited else { return }
        established.succeed(by: rival.spi, leaving: .left(until: now + policy.timing.linger))
    }
}
