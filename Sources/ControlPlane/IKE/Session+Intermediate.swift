internal import Associations

/// Key exchanges between IKE_SA_INIT and IKE_AUTH, one in each IKE_INTERMEDIATE (RFC 9242, RFC 9370 §2.2.2).
extension Session {
    /// What an initiator does next with what is agreed: another round, or IKE_AUTH.
    mutating func goOn(
        _ agreed: Agreed, over path: Path, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        if agreed.rounds.isEmpty {
            let auth: AuthSent
            do {
                auth = try AuthSent(
                    agreed, path: path, policy, isInitialContact: isInitialContact, at: now, using: &random)
            } catch { return fail(error) }
            state = .authSent(auth)
            return auth.request.sends
        }
        let intermediate = IntermediateSent(agreed, path: path, policy, at: now, using: &random)
        state = .intermediateSent(intermediate)
        return intermediate.request.sends
    }

    mutating func concludeIntermediate(
        _ before: IntermediateSent, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        guard before.agreed.channel.isFromPeer(arrival.header) else { return [.count(.foreign)] }
        guard arrival.isResponse else { return [.count(.unexpected)] }
        guard arrival.header.messageID == before.request.messageID, arrival.header.exchange == .ikeIntermediate else {
            return [.count(.stale)]
        }
        var sent = before
        let inside: OpenedMessage
        switch sent.agreed.channel.open(arrival) {
        case .message(let opened): inside = opened
        case .nothing(let event):
            state = .intermediateSent(sent)
            return [.count(event)]
        }
        guard let payloads = try? IKEPayload.innerChain(inside.first, inside.plaintext) else {
            return fail(.invalidAnswer(.ikeIntermediate))
        }
        if let error = payloads.notifications.first(where: { $0.type.rawValue < 16384 }) {
            return fail(.refusedByPeer(.ikeIntermediate, error.type))
        }
        guard let theirs = payloads.keyExchange, theirs.method == sent.exchange.payload.method,
            let secret = try? sent.exchange.agree(theirs.data)
        else { return fail(.invalidAnswer(.ikeIntermediate)) }
        sent.agreed.intermediateCode.add(inside, of: .responder, sent.agreed.channel.keys)
        sent.agreed.endRound(with: secret)
        return goOn(sent.agreed, over: sent.path, at: arrival.now, using: &random)
    }

    /// The responder's part, of a request that was opened.
    mutating func answerIntermediate(
        _ answered: InitAnswered, _ inside: OpenedMessage, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        var answered = answered
        let messageID = answered.agreed.nextMessageID
        let method = answered.agreed.rounds[0]
        let theirs = try? IKEPayload.innerChain(inside.first, inside.plaintext).keyExchange
        guard let theirs, theirs.method.rawValue == method.transformID,
            let exchange = try? KeyExchange.answer(theirs.data, by: method, using: &random)
        else {
            let answer = StoredAnswer(
                answered.agreed.channel.seal(
                    [.notify(NotifyPayload(.invalidSyntax))], .ikeIntermediate, messageID: messageID, isResponse: true),
                to: inside.leading, messageID: messageID)
            return answer.sends(over: arrival.path) + end(.failed(.invalidRequest(.ikeIntermediate)), answer: answer)
        }
        answered.agreed.intermediateCode.add(inside, of: .initiator, answered.agreed.channel.keys)
        let payloads: [IKEPayload] = [.keyExchange(KeyExchangePayload(theirs.method, data: exchange.publicValue))]
        let datagrams = answered.agreed.channel.seal(
            payloads, .ikeIntermediate, messageID: messageID, isResponse: true)
        answered.agreed.intermediateCode.add(
            OpenedMessage(payloads, in: datagrams), of: .responder, answered.agreed.channel.keys)
        answered.agreed.endRound(with: exchange.sharedSecret)
        answered.answer = StoredAnswer(datagrams, to: inside.leading, messageID: messageID)
        state = .initAnswered(answered)
        return answered.answer.sends(over: arrival.path)
    }
}
