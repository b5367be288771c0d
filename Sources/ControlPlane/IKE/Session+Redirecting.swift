internal import Wire

/// Clients that are sent to another gateway (RFC 5685).
extension Session {
    /// Sends the client of an established session elsewhere; it closes this session when it goes. Nothing for a peer that
    /// does not take it, and of the end that is the client.
    public mutating func redirect(
        to gateway: Gateway, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(var established) = state, established.closing == .no,
            established.mobility.takesRedirects, !established.mobility.isInitiator
        else { return [] }
        established.enqueueFirst(.redirect(gateway))
        state = .established(established)
        return proceed(at: now, using: &random)
    }

    func askToGo(_ established: inout Established, to gateway: Gateway, at now: UInt64) -> [Action] {
        ask(
            &established, .probe, [.notify(NotifyPayload(.redirect, data: gateway.data()))], .informational, at: now)
    }

    /// What a first message is answered with instead; nil when it is to be answered.
    func redirection(
        _ stage: Redirection.Stage, _ extensions: Extensions, _ policy: SessionPolicy
    ) -> Gateway? {
        guard extensions.redirects, let redirection = policy.redirection, redirection.stage == stage else {
            return nil
        }
        return redirection.gateway
    }

    /// A client's: the way that it is sent, nil when there is no REDIRECT that we take. Throws when there are too many.
    func redirected(_ payloads: [IKEPayload], from path: Path, nonce: [UInt8]) throws(Failure) -> Redirected? {
        guard policy.maximumRedirects > 0, let told = payloads.notification(.redirect),
            let (gateway, echoed) = Gateway.read(told.data), echoed == nonce
        else { return nil }
        guard redirectCount < policy.maximumRedirects else { throw .redirectedTooOften(gateway) }
        return Redirected(from: .address(path.remote.address), to: gateway, count: redirectCount + 1)
    }

    /// The peer's INFORMATIONAL request may send us elsewhere: we answer, go, and close this session.
    func takeRedirect(_ established: inout Established, _ payloads: [IKEPayload], _ reply: inout Reply) {
        guard established.mobility.isInitiator, established.closing == .no else { return }
        do {
            guard let redirected = try redirected(payloads, from: established.path, nonce: []) else { return }
            reply.after.append(.redirected(redirected))
        } catch {
            reply.end = .failed(error)
            return
        }
        established.closing = .wished
    }
}
