internal import Associations

/// The life of an established IKE SA: INFORMATIONAL (RFC 7296 §1.4) both ways, and a named refusal of the rest.
extension Session {
    /// Asks whether the peer is there (dead peer detection, RFC 7296 §2.4): an answer, or `failed(.silence)`. Nothing when
    /// a request is under way, which asks the same, and before the session is established.
    public mutating func probe(at now: UInt64) -> [Action] {
        guard case .established(var established) = state, established.request == nil else { return [] }
        let actions = ask(&established, [], at: now)
        state = .established(established)
        return actions
    }

    /// Ends the session: an IKE SA by a DELETE, after the request under way if there is one; anything less at once.
    public mutating func close(at now: UInt64) -> [Action] {
        switch state {
        case .closed: return []
        case .established(var established):
            guard established.closing == .no else { return [] }
            let isBusy = established.request != nil
            established.closing = isBusy ? .wished : .asked
            let actions = isBusy ? [] : ask(&established, [.delete(.ikeSA)], at: now)
            state = .established(established)
            return actions
        case .idle, .initSent, .initAnswered, .authSent, .judging:
            state = .closed(Closed(answer: nil))
            return [.closed]
        }
    }

    /// A request of ours. Traps when one is under way.
    func ask(_ established: inout Established, _ payloads: [IKEPayload], at now: UInt64) -> [Action] {
        precondition(established.request == nil, "the window is 1")
        let bytes = established.channel.seal(
            payloads, .informational, messageID: established.nextOwnID, isResponse: false)
        let request = Retransmission(
            bytes, .informational, path: established.path, messageID: established.nextOwnID, timing: policy.timing,
            at: now)
        established.request = request
        established.nextOwnID += 1
        return [request.send]
    }

    mutating func inform(_ established: Established, _ arrival: Arrival) -> [Action] {
        if let actions = repeated(established.answer, arrival) { return actions }
        guard established.channel.isFromPeer(arrival.header) else { return [.count(.foreign)] }
        return arrival.isResponse ? conclude(established, arrival) : answer(established, arrival)
    }

    /// The peer's answer to our request.
    private mutating func conclude(_ before: Established, _ arrival: Arrival) -> [Action] {
        guard let request = before.request, arrival.header.messageID == request.messageID,
            arrival.header.exchange == request.exchange
        else { return [.count(.stale)] }
        guard before.channel.open(arrival.message, arrival.datagram) != nil else { return [.count(.unauthentic)] }
        var established = before
        established.request = nil
        switch established.closing {
        case .no:
            state = .established(established)
            return []
        case .wished:
            established.closing = .asked
            let actions = ask(&established, [.delete(.ikeSA)], at: arrival.now)
            state = .established(established)
            return actions
        case .asked:
            state = .closed(Closed(answer: established.answer))
            return established.children.map { .delete($0) } + [.closed]
        }
    }

    /// Our answer to a request of the peer.
    private mutating func answer(_ before: Established, _ arrival: Arrival) -> [Action] {
        let messageID = arrival.header.messageID
        guard messageID >= before.nextPeerID else { return [.count(.stale)] }
        guard messageID == before.nextPeerID, messageID < .max else { return [.count(.outOfWindow)] }
        guard let inside = before.channel.open(arrival.message, arrival.datagram) else {
            return [.count(.unauthentic)]
        }
        var established = before
        var actions: [Action] = []
        var reply: [IKEPayload] = []
        var isOver = false
        do {
            let payloads = try IKEPayload.innerChain(inside.first, inside.plaintext)
            switch arrival.header.exchange {
            case .informational:
                (reply, actions, isOver) = take(payloads, &established)
            case .createChildSA:
                reply = [.notify(NotifyPayload(.noAdditionalSAs))]
                actions = [.count(.exchangeRefused)]
            default:
                reply = [.notify(NotifyPayload(.invalidSyntax))]
                actions = [.count(.exchangeRefused)]
            }
        } catch {
            reply = [.notify(error.notification ?? NotifyPayload(.invalidSyntax))]
            actions = [.count(.malformed(error.name))]
        }
        let bytes = established.channel.seal(reply, arrival.header.exchange, messageID: messageID, isResponse: true)
        let answer = StoredAnswer(bytes, to: arrival.datagram, messageID: messageID)
        established.answer = answer
        established.nextPeerID += 1
        state = isOver ? .closed(Closed(answer: answer)) : .established(established)
        return [.send(bytes, arrival.path)] + actions
    }

    /// The insides of a peer's INFORMATIONAL: what to answer, what to do, and whether the IKE SA is over with it.
    private func take(
        _ payloads: [IKEPayload], _ established: inout Established
    ) -> (reply: [IKEPayload], actions: [Action], isOver: Bool) {
        let isRejected = payloads.notification(.authenticationFailed) != nil
        if isRejected || payloads.deletions.contains(.ikeSA) {
            let end: Action = isRejected ? .failed(.refusedByPeer(.informational, .authenticationFailed)) : .closed
            return ([], established.children.map { .delete($0) } + [end], true)
        }
        // The peer names its inbound SAs, our outbound ones; the answer names their partners (RFC 7296 §1.4.1).
        var named: [SPI] = []
        for case .esp(let spis) in payloads.deletions { named += spis }
        let ended = established.children.filter { named.contains($0.outbound) }
        established.children.removeAll { named.contains($0.outbound) }
        let reply: [IKEPayload] = ended.isEmpty ? [] : [.delete(.esp(ended.map(\.inbound)))]
        return (reply, ended.map { .delete($0) }, false)
    }
}
