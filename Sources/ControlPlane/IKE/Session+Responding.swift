internal import Associations

/// The responder's way: the requests of IKE_SA_INIT and IKE_AUTH.
extension Session {
    mutating func answerInit(_ arrival: Arrival, using random: inout some IKERandomness) -> [Action] {
        let header = arrival.header
        guard InitExchange.isRequest(header) else { return [.count(.unexpected)] }
        let payloads = arrival.message.payloads
        guard let offers = payloads.securityAssociation?.proposals, let theirs = payloads.keyExchange,
            let initiatorNonce = payloads.nonce
        else { return refuse(.invalidSyntax, NotifyPayload(.invalidSyntax), arrival) }
        guard let (policy, extensions, choice, suite) = CandidateChoice.choose(from: candidates, payloads, offers)
        else {
            let refusal = Refusal.noProposalChosen(
                offered: offers.map(\.name), acceptable: candidates.acceptableProposals)
            return refuse(refusal, NotifyPayload(.noProposalChosen), arrival)
        }
        if let gateway = redirection(.firstMessage, extensions, policy) {
            return refuse(
                .redirect(gateway), NotifyPayload(.redirect, data: gateway.data(nonce: initiatorNonce.data)), arrival)
        }
        let wanted = KeyExchangeID(rawValue: suite.method.transformID)
        guard theirs.method == wanted else {
            return refuse(
                .keyExchange(offered: theirs.method, wanted: wanted), .invalidKEPayload(wanted: wanted), arrival)
        }
        guard let exchange = try? KeyExchange.answer(theirs.data, by: suite.method, using: &random) else {
            return refuse(.invalidSyntax, NotifyPayload(.invalidSyntax), arrival)
        }
        let spi = IKESPI(rawValue: random.ikeSPI())
        let nonce = random.nonce()
        let seed = IKESeed(
            initiatorNonce: initiatorNonce.data, responderNonce: nonce, initiatorSPI: header.initiatorSPI.rawValue,
            responderSPI: spi.rawValue)
        let keys = IKEKeys(
            sharedSecret: exchange.sharedSecret, prf: suite.prf, protection: suite.protection, seed: seed)
        // Who announces its hashes is told ours (RFC 7427 §4).
        let hashes = payloads.notification(.signatureHashAlgorithms) == nil ? [] : candidates.signatureAnnouncement
        let response = InitExchange.response(
            header.initiatorSPI, spi, proposal: choice,
            exchange: KeyExchangePayload(wanted, data: exchange.publicValue), nonce: nonce, path: arrival.path,
            announcing: extensions.answer(suite) + hashes, requesting: candidates.certificateRequest)
        let agreed = Agreed(
            channel: SealedChannel(
                initiatorSPI: header.initiatorSPI, responderSPI: spi, role: .responder, keys: keys,
                fragmentLimit: policy.fragmentLimit(extensions)),
            initiatorNonce: initiatorNonce.data, responderNonce: nonce, initRequest: arrival.datagram,
            initResponse: response, nat: NATFinding(payloads, header: header, path: arrival.path),
            extensions: extensions, proposal: choice, peerHashes: payloads.signatureHashes,
            announced: !hashes.isEmpty, rounds: suite.additional)
        self.policy = policy
        state = .initAnswered(InitAnswered(agreed, timing: policy.timing, at: arrival.now))
        return [.claim(spi), .send(response, arrival.path)]
    }

    /// What a first message that cannot be read is answered with (RFC 7296 §2.5, §2.21.1); nothing of any other.
    func complaint(_ fault: IKEMessageFault, _ datagram: [UInt8], _ path: Path) -> [Action] {
        guard case .idle = state, let header = IKEHeader(datagram), InitExchange.isRequest(header),
            let notification = fault.notification
        else { return [] }
        return [.send(InitExchange.refusal(of: header, notification), path)]
    }

    /// Nothing is kept of a request that makes no SA.
    private func refuse(_ refusal: Refusal, _ notification: NotifyPayload, _ arrival: Arrival) -> [Action] {
        [.refused(refusal), .send(InitExchange.refusal(of: arrival.header, notification), arrival.path)]
    }

    mutating func answerAuth(
        _ answered: InitAnswered, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        if let actions = repeated(answered.answer, arrival) { return actions }
        guard answered.agreed.channel.isFromPeer(arrival.header) else { return [.count(.foreign)] }
        // Every round of the proposal comes before IKE_AUTH.
        let awaited = answered.agreed.rounds.isEmpty ? ExchangeType.ikeAuth : .ikeIntermediate
        guard !arrival.isResponse, arrival.header.exchange == awaited,
            arrival.header.messageID == answered.agreed.nextMessageID
        else {
            return [.count(.unexpected)]
        }
        var answered = answered
        let inside: OpenedMessage
        switch answered.agreed.channel.open(arrival) {
        case .message(let opened): inside = opened
        case .nothing(let event):
            state = .initAnswered(answered)
            return [.count(event)]
        }
        if awaited == .ikeIntermediate { return answerIntermediate(answered, inside, arrival, using: &random) }
        let payloads: [IKEPayload]
        do {
            payloads = try IKEPayload.innerChain(inside.first, inside.plaintext)
        } catch {
            let request = AuthRequest(payloads: [], leading: inside.leading, path: arrival.path)
            return refuseAuth(
                answered, error.notification ?? NotifyPayload(.invalidSyntax), .malformedAuthentication, request)
        }
        return authenticate(
            answered, AuthRequest(payloads: payloads, leading: inside.leading, path: arrival.path), at: arrival.now,
            using: &random)
    }

    private mutating func authenticate(
        _ answered: InitAnswered, _ request: AuthRequest, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        let payloads = request.payloads
        guard let peer = payloads.identificationInitiator else {
            return refuseAuth(answered, NotifyPayload(.invalidSyntax), .malformedAuthentication, request)
        }
        do {
            policy = try CandidateChoice.choose(from: candidates, payloads, of: peer, answered.agreed)
            candidates = [policy]
        } catch {
            return refuseAuth(answered, NotifyPayload(.authenticationFailed), error, request)
        }
        guard let (agreed, proof) = PostquantumChoice.answer(payloads, answered.agreed, policy) else {
            return refuseAuth(answered, NotifyPayload(.authenticationFailed), .noPostquantumKey, request)
        }
        var answered = answered
        answered.agreed = agreed
        answered.agreed.noteAbilities(payloads, policy)
        switch AuthExchange.look(at: peer, proof, payloads, agreed, policy) {
        case .proved: return accept(answered, peer, request, using: &random)
        case .failed(let failure):
            return refuseAuth(answered, NotifyPayload(.authenticationFailed), failure, request)
        case .certificate(let certificate, let proof):
            state = .judging(
                Judging(way: .responding(answered, request), peer: peer, proof: proof, deadline: answered.deadline))
            return [.judge(certificate)]
        }
    }

    /// The peer is who it says to be.
    mutating func accept(
        _ answered: InitAnswered, _ peer: IdentificationPayload, _ request: AuthRequest,
        using random: inout some IKERandomness
    ) -> [Action] {
        if let gateway = redirection(.authentication, answered.agreed.extensions, policy) {
            return establish(
                answered, peer, [], [.notify(NotifyPayload(.redirect, data: gateway.data()))],
                before: [.refused(.redirect(gateway))], after: [], request)
        }
        let negotiation = ChildNegotiation(policy: policy, agreed: answered.agreed, path: request.path)
        switch negotiation.answer(request.payloads, using: &random) {
        case nil:
            return refuseAuth(answered, NotifyPayload(.invalidSyntax), .malformedAuthentication, request)
        case .agreed(let agreement, let child):
            let associations = agreement.associations()
            // Inbound is in place before the initiator can know of it.
            return establish(
                answered, peer, [Child(associations, isUsed: true)], child,
                before: [.install(associations, replacing: nil)], after: [.use(agreement.spis)], request)
        case .refused(let refusal, let notification):
            return establish(
                answered, peer, [], [.notify(notification)], before: [.refused(refusal)], after: [], request)
        }
    }

    private mutating func establish(
        _ answered: InitAnswered, _ peer: IdentificationPayload, _ children: [Child], _ child: [IKEPayload],
        before first: [Action], after last: [Action], _ request: AuthRequest
    ) -> [Action] {
        var channel = answered.agreed.channel
        let payloads: [IKEPayload]
        do {
            payloads = try AuthExchange.response(answered.agreed, policy, child: child)
        } catch {
            return refuseAuth(answered, NotifyPayload(.authenticationFailed), error, request)
        }
        let answer = StoredAnswer(
            channel.seal(payloads, .ikeAuth, messageID: answered.agreed.nextMessageID, isResponse: true),
            to: request.leading, messageID: answered.agreed.nextMessageID)
        state = .established(
            Established(answered, channel: channel, path: request.path, peer: peer, children: children, answer: answer))
        return Self.contact(request.payloads, peer) + [.established(peer)] + first + answer.sends(over: request.path)
            + last
    }

    mutating func refuseAuth(
        _ answered: InitAnswered, _ notification: NotifyPayload, _ failure: Failure, _ request: AuthRequest
    ) -> [Action] {
        var channel = answered.agreed.channel
        let answer = StoredAnswer(
            channel.seal(
                [.notify(notification)], .ikeAuth, messageID: answered.agreed.nextMessageID, isResponse: true),
            to: request.leading, messageID: answered.agreed.nextMessageID)
        return answer.sends(over: request.path) + end(.failed(failure), answer: answer)
    }
}

extension [SessionPolicy] {
    /// What any of them takes for an IKE SA, each once, in operators' words.
    fileprivate var acceptableProposals: [String] {
        var names: [String] = []
        for name in flatMap(\.proposals).map(\.name) where !names.contains(name) { names.append(name) }
        return names
    }
}
