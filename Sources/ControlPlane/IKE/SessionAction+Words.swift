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
        case .beetMode:
            "NO_PROPOSAL_CHOSEN: it will have BEET mode, which is not supported; tunnel and transport mode are"
        case .childByPeer(let type): "it refused the Child SA by \(type)"
        case .parallelChildCount: "TS_MAX_QUEUE: there are as many Child SAs for its resources as the policy allows"
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
        case .identification(let shown, let expected): "it says to be \(shown.words), expected is \(expected)"
        case .askedFor(let asked, let we): "AUTHENTICATION_FAILED: it asks for \(asked.words), this is \(we.words)"
        case .noCandidate(let peer, let asked, let method):
            "AUTHENTICATION_FAILED: no connection is configured for \(peer.words)"
                + (asked.map { " that asks for \($0.words)" } ?? "") + " and authenticates by \(Self.words(method))"
        case .authentication(let peer): "AUTHENTICATION_FAILED: \(peer.words) does not have our shared key"
        case .redirectedTooOften(let gateway): "it sends us on to \(gateway), after too many others that sent us on"
        case .method(let peer, let method, let expected):
            "AUTHENTICATION_FAILED: \(peer.words) authenticates by \(Self.words(method)), expected is "
                + (expected == .sharedKey ? "the shared key" : "a signature of a certificate's key that we take")
        case .noCertificate(let peer):
            "AUTHENTICATION_FAILED: \(peer.words) shows no X.509 certificate, or more than "
                + "\(PeerCertificate.maximumCount)"
        case .certificate(let peer, let reason):
            "AUTHENTICATION_FAILED: the certificate of \(peer.words) is not believed: \(reason)"
        case .signature(let peer):
            "AUTHENTICATION_FAILED: the signature of \(peer.words) is not by its certificate's key"
        case .noVerdict(let peer): "the certificate of \(peer.words) was not judged in time"
        case .noCommonSignature(let own, let peer):
            "our key signs by \(Session.Refusal.list(own.map(\.rawValue))); it takes "
                + (peer.isEmpty
                    ? "only what was there before RFC 7427"
                    : "the hashes \(peer.sorted { $0.rawValue < $1.rawValue }.map { "\($0)" }.joined(separator: ", "))")
        case .signing(let failure): "our key does not sign: \(failure)"
        case .noPostquantumKey: "it shares none of the post-quantum preshared keys, of which the policy wants one"
        case .malformedAuthentication: "its IKE_AUTH cannot be read"
        }
    }
}

extension Session.Failure {
    private static func words(_ method: AuthenticationMethod?) -> String {
        method.map { "\($0)" } ?? "none of AUTH's methods"
    }
}
