internal import Associations

/// The initiator's way: the answers to IKE_SA_INIT and IKE_AUTH.
extension Session {
    mutating func concludeInit(
        _ sent: InitSent, _ arrival: Arrival, using random: inout some IKERandomness
    ) -> [Action] {
        let header = arrival.header
        guard header.initiatorSPI == sent.spi, arrival.isResponse, !header.flags.contains(.initiator) else {
            return [.count(.foreign)]
        }
        guard header.exchange == .ikeSAInit, header.messageID == 0 else { return [.count(.unexpected)] }
        let payloads = arrival.message.payloads
        if let cookie = payloads.notification(.cookie), payloads.securityAssociation == nil {
            return repeatInit(sent, cookie: cookie.data, at: arrival.now)
        }
        if let notification = payloads.notification(.invalidKEPayload) {
            return repeatInit(sent, wanted: notification.wantedKeyExchange, at: arrival.now, using: &random)
        }
        do {
            if let redirected = try redirected(payloads, from: sent.path, nonce: sent.nonce) {
                return [.redirected(redirected)] + end(.closed)
            }
        } catch { return fail(error) }
        // One that we do not take is not from who got our request.
        if payloads.notification(.redirect) != nil { return [.count(.foreign)] }
        if let error = payloads.notifications.first(where: { $0.type.rawValue < 16384 }) {
            return fail(
                error.type == .noProposalChosen
                    ? .noProposalChosen(offered: policy.proposals.map(\.name))
                    : .refusedByPeer(.ikeSAInit, error.type))
        }
        guard let agreed = agree(sent, arrival) else { return fail(.invalidAnswer(.ikeSAInit)) }
        if policy.postquantumKeys?.isMandatory == true, !agreed.extensions.postquantum {
            return fail(.noPostquantumKey)
        }
        // Only the answer tells of a NAT, so the next message is the first from port 4500.
        // Who may move later might meet a NAT then (RFC 4555 §3.3).
        let path = agreed.nat.isFound || policy.mobility != nil ? sent.path.floated : sent.path
        return (path == sent.path ? [] : [.move(path)]) + goOn(agreed, over: path, at: arrival.now, using: &random)
    }

    private func agree(_ sent: InitSent, _ arrival: Arrival) -> Agreed? {
        let payloads = arrival.message.payloads
        guard arrival.header.responderSPI != .zero, let nonce = payloads.nonce, let exchange = payloads.keyExchange,
            let proposals = payloads.securityAssociation?.proposals, proposals.count == 1,
            ProposalChoice.isChoice(proposals[0], of: policy.proposals), let suite = IKESuite(proposals[0]),
            suite.method == sent.exchange.method, exchange.method.rawValue == suite.method.transformID,
            let secret = try? sent.exchange.agree(exchange.data)
        else { return nil }
        let seed = IKESeed(
            initiatorNonce: sent.nonce, responderNonce: nonce.data, initiatorSPI: sent.spi.rawValue,
            responderSPI: arrival.header.responderSPI.rawValue)
        let keys = IKEKeys(sharedSecret: secret, prf: suite.prf, protection: suite.protection, seed: seed)
        let extensions = Extensions(payloads, policy)
        guard suite.additional.isEmpty || extensions.intermediate else { return nil }
        let channel = SealedChannel(
            initiatorSPI: sent.spi, responderSPI: arrival.header.responderSPI, role: .initiator, keys: keys,
            fragmentLimit: policy.fragmentLimit(extensions))
        return Agreed(
            channel: channel, initiatorNonce: sent.nonce, responderNonce: nonce.data, initRequest: sent.message,
            initResponse: arrival.datagram, nat: NATFinding(payloads, header: arrival.header, path: arrival.path),
            extensions: extensions, proposal: proposals[0], peerHashes: payloads.signatureHashes,
            announced: policy.authentication.hasCertificate, rounds: suite.additional)
    }

    private mutating func repeatInit(_ sent: InitSent, cookie: [UInt8], at now: UInt64) -> [Action] {
        // The same cookie twice is a late copy of the answer that brought it.
        guard cookie != sent.cookie else { return [.count(.stale)] }
        guard (1...64).contains(cookie.count), sent.attempt < InitSent.attempts else { return fail(.cookies) }
        let next = InitSent(sent, cookie: cookie, policy, at: now)
        state = .initSent(next)
        return next.request.sends
    }

    private mutating func repeatInit(
        _ sent: InitSent, wanted: KeyExchangeID?, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard wanted?.rawValue != sent.exchange.method.transformID else { return [.count(.stale)] }
        let isOffered = policy.proposals.contains { $0.transforms.contains { $0.keyExchange == wanted } }
        guard let wanted, isOffered, let method = KeyExchangeMethod(transformID: wanted.rawValue),
            sent.attempt < InitSent.attempts
        else { return fail(.keyExchangeRefused(wanted: wanted)) }
        let next = InitSent(sent, method: method, policy, at: now, using: &random)
        state = .initSent(next)
        return next.request.sends
    }

    mutating func concludeAuth(_ sent: AuthSent, _ arrival: Arrival) -> [Action] {
        guard sent.agreed.channel.isFromPeer(arrival.header) else { return [.count(.foreign)] }
        guard arrival.isResponse else { return [.count(.unexpected)] }
        guard arrival.header.messageID == sent.request.messageID, arrival.header.exchange == .ikeAuth else {
            return [.count(.stale)]
        }
        var sent = sent
        let inside: OpenedMessage
        switch sent.agreed.channel.open(arrival) {
        case .message(let opened): inside = opened
        case .nothing(let event):
            state = .authSent(sent)
            return [.count(event)]
        }
        guard let payloads = try? IKEPayload.innerChain(inside.first, inside.plaintext) else {
            return fail(.malformedAuthentication)
        }
        guard let peer = payloads.identificationResponder else {
            let error = payloads.notifications.first { $0.type.rawValue < 16384 }
            return fail(error.map { .refusedByPeer(.ikeAuth, $0.type) } ?? .invalidAnswer(.ikeAuth))
        }
        guard policy.remoteID.allows(peer) else {
            return tellFailure(sent, .identification(peer, expected: policy.remoteID))
        }
        guard let agreed = PostquantumChoice.conclude(payloads, sent.agreed, policy) else {
            return tellFailure(sent, .noPostquantumKey)
        }
        sent.agreed = agreed
        sent.agreed.noteAbilities(payloads, policy)
        switch AuthExchange.look(at: peer, payloads.authentication, payloads, agreed, policy) {
        case .proved: return accept(sent, peer, payloads)
        case .failed(let failure): return tellFailure(sent, failure)
        case .certificate(let certificate, let proof):
            state = .judging(
                Judging(
                    way: .initiating(sent, answer: payloads), peer: peer, proof: proof,
                    deadline: arrival.now + policy.timing.halfOpen))
            return [.judge(certificate)]
        }
    }

    /// The peer is who it says to be.
    mutating func accept(
        _ sent: AuthSent, _ peer: IdentificationPayload, _ payloads: [IKEPayload]
    ) -> [Action] {
        do {
            if let redirected = try redirected(payloads, from: sent.path, nonce: []) {
                var established = Established(sent, peer: peer, children: [])
                established.closing = .wished
                state = .established(established)
                return [.established(peer), .redirected(redirected)]
            }
        } catch { return tellFailure(sent, error) }
        let negotiation = ChildNegotiation(policy: policy, agreed: sent.agreed, path: sent.path)
        switch negotiation.conclude(payloads, sent.childSPI) {
        case .agreed(let agreement, _):
            let associations = agreement.associations()
            state = .established(Established(sent, peer: peer, children: [Child(associations, isUsed: true)]))
            return Self.contact(payloads, peer) + [
                .established(peer), .install(associations, replacing: nil), .use(agreement.spis),
            ]
        case .refused(let refusal, _):
            var established = Established(sent, peer: peer, children: [])
            // The responder may have made its half.
            if case .childByPeer = refusal {
            } else {
                established.enqueue(SessionTask(.discard(sent.childSPI)))
            }
            state = .established(established)
            return Self.contact(payloads, peer) + [.established(peer), .refused(refusal)]
        }
    }

    /// The responder believes in an SA; it is told once, without waiting (RFC 7296 §2.21.2).
    mutating func tellFailure(_ sent: AuthSent, _ failure: Failure) -> [Action] {
        var channel = sent.agreed.channel
        let datagrams = channel.seal(
            [.notify(NotifyPayload(.authenticationFailed))], .informational, messageID: sent.agreed.nextMessageID + 1,
            isResponse: false)
        return datagrams.map { .send($0, sent.path) } + fail(failure)
    }

    mutating func fail(_ failure: Failure) -> [Action] {
        end(.failed(failure))
    }
}
