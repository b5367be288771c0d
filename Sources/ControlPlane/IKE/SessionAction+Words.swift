extension Session.Refusal: CustomStringConvertible {
    /// For an operator's log, after the peer's name.
    public var description: String {
        switch self {
        case .noProposalChosen(let offered, let acceptable):
            "NO_PROPOSAL_CHOSEN: it offered \(Self.list(offered)); \(Self.list(acceptable)) would have matched"
        case .keyExchange(let offered, let wanted):
            "INVALID_KE_PAYLOAD: it began with \(offered), it is asked for \(wanted)"
        case .invalidSyntax: "INVALID_SYNTAX: its message lacks a payload or holds an impossible public value"
        case .selectors(let local, let remote):
            "TS_UNACCEPTABLE: of \(Self.list(local)) here and \(Self.list(remote)) there the policy allows nothing"
        case .mode(let wanted): "it will not have \(wanted) mode, which the policy wants"
        case .childByPeer(let type): "it refused the Child SA by \(type)"
        case .childLifetime: "a Child SA came to the end of its lifetime before it was rekeyed"
        case .ikeLifetime: "the IKE SA came to the end of its lifetime before it was rekeyed"
        case .childCount: "NO_ADDITIONAL_SAS: there are as many Child SAs as the policy allows"
        case .successorByPeer(let type): "it refused to rekey the IKE SA by \(type)"
        case .immobile: "it speaks no MOBIKE, or it is the end that would move: our new address cannot be told"
        case .movePeerRefuses(let type): "it refused our new address by \(type)"
        case .redirect(let gateway): "REDIRECT: it is sent to \(gateway)"
        case .address(let remote): "UNACCEPTABLE_ADDRESSES: it went to \(remote), where the policy does not have it"
        case .natForbidden(let remote): "UNEXPECTED_NAT_DETECTED: it went to \(remote), behind a NAT that must not be"
        case .routability(let remote): "what answers at \(remote), where it went, does not have our cookie"
        case .childAnswer: "its answer for the Child SA is none to what was offered"
        }
    }

    static func list(_ words: [String]) -> String { words.isEmpty ? "nothing" : words.joined(separator: ", ") }
}

extension Session.Failure: CustomStringConvertible {
    /// For an operator's log, after the peer's name.
    public var description: String {
        switch self {
        case .silence(let exchange): "it does not answer \(exchange)"
        case .halfOpen: "it began and did not authenticate itself in time"
        case .noProposalChosen(let offered):
            "NO_PROPOSAL_CHOSEN: it takes nothing of \(Session.Refusal.list(offered)), which were offered"
        case .keyExchangeRefused(let wanted):
            "INVALID_KE_PAYLOAD: it wants \(wanted.map { "\($0)" } ?? "another key exchange"), which was not offered"
        case .cookies: "it asks for one cookie after the other"
        case .invalidAnswer(let exchange): "its answer to \(exchange) does not fit what was asked"
        case .invalidRequest(let exchange): "its \(exchange) does not fit what was agreed"
        case .refusedByPeer(let exchange, let type): "it refused \(exchange) by \(type)"
        case .identification(let shown, let expected): "it says to be \(shown.words), expected is \(expected.words)"
        case .authentication(let peer): "AUTHENTICATION_FAILED: \(peer.words) does not have our shared key"
        case .redirectedTooOften(let gateway): "it sends us on to \(gateway), after too many others that sent us on"
        case .noPostquantumKey: "it shares none of the post-quantum preshared keys, of which the policy wants one"
        case .malformedAuthentication: "its IKE_AUTH cannot be read"
        }
    }
}
