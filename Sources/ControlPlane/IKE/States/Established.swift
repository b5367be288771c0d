/// A session whose ends know each other.
///
/// Of IKE SAs it has the current one and, around a rekey, at most `maximumAssociations` in all. Its Child SAs belong to
/// the current one, and go over to its successor with it (RFC 7296 §2.8).
struct Established: Sendable {
    /// The current one and those that are coming or going, in no order.
    var associations: [IKEAssociation]
    var path: Path
    var nat: NATFinding
    var mobility: Mobility
    let peer: IdentificationPayload
    /// At most three for each that the policy allows: itself, the peer's and our own replacement.
    var children: [Child]
    /// The peer's CREATE_CHILD_SA that its IKE_FOLLOWUP_KE exchanges are to come of; nil for none.
    var awaited: Awaited?
    /// Whether the peer said that it knows further key exchanges (RFC 9370 §2.2.1).
    let knowsAdditional: Bool
    /// As `Agreed.synchronises`.
    let synchronises: Bool
    /// How often in a row the peer had forgotten ours (STATE_NOT_FOUND).
    var forgottenFollowUps = 0
    /// What waits for the window. Bounded by what it is about: one of a kind for the session and for each Child SA, and
    /// new Child SAs as far as the policy allows more.
    var tasks: [SessionTask] = []
    var closing = Closing.no
    /// Whether we began the session, whoever began its current IKE SA.
    let isInitiator: Bool
    /// Of the current IKE SA; nil until it is drawn.
    var lifetime: Lifetime?
    var reauthentication: Reauthentication?
    /// When the peer was last heard of by something that it sealed, in nanoseconds of the session's clock.
    var lastHeard: UInt64?

    /// More is refused by TEMPORARY_FAILURE.
    static let maximumAssociations = 6
    /// More in a row close the IKE SA (RFC 9370 §2.2.4).
    static let maximumForgottenFollowUps = 4

    enum Closing {
        case no
        /// When the request under way is answered.
        case wished
        /// The request under way is the DELETE.
        case asked
    }

    enum Reauthentication: Hashable {
        case due(at: UInt64)
        case asked
    }

    init(_ previous: AuthSent, peer: IdentificationPayload, children: [Child]) {
        associations = [IKEAssociation(previous.agreed.channel, phase: .current)]
        path = previous.path
        mobility = Mobility(isAgreed: previous.agreed.isMobile, isInitiator: true)
        nat = previous.agreed.nat
        knowsAdditional = previous.agreed.extensions.intermediate
        synchronises = previous.agreed.synchronises
        self.peer = peer
        self.children = children
        isInitiator = true
        current.nextOwnID = previous.agreed.nextMessageID + 1
    }

    init(
        _ previous: InitAnswered, channel: SealedChannel, path: Path, peer: IdentificationPayload, children: [Child],
        answer: StoredAnswer
    ) {
        associations = [IKEAssociation(channel, phase: .current)]
        self.path = path
        mobility = Mobility(
            isAgreed: previous.agreed.isMobile, isInitiator: false,
            takesRedirects: previous.agreed.extensions.redirects)
        nat = previous.agreed.nat
        knowsAdditional = previous.agreed.extensions.intermediate
        synchronises = previous.agreed.synchronises
        self.peer = peer
        self.children = children
        isInitiator = false
        current.answer = answer
        current.nextPeerID = previous.agreed.nextMessageID + 1
    }
}

extension Established {
    /// Whether a task has to wait for the end of what the peer began.
    func isHeld(_ task: SessionTask) -> Bool { awaited != nil && task.kind.waitsForFollowUps }

    /// When `tick` is due, in nanoseconds.
    func deadline(deadPeerAfter patience: UInt64?) -> UInt64? {
        var all: [UInt64?] = associations.map(\.deadline) + [mobility.keepAliveAt, awaited?.deadline]
        if !current.isBusy {
            all.append(tasks.lazy.filter { !self.isHeld($0) }.map(\.notBefore).min())
            if let patience, let lastHeard { all.append(lastHeard + patience) }
        }
        guard closing == .no else { return all.compactMap { $0 }.min() }
        all += children.map { $0.lifetime?.deadline }
        all += [lifetime?.rekeyAt, lifetime?.endAt]
        if case .due(let at) = reauthentication { all.append(at) }
        return all.compactMap { $0 }.min()
    }
}

/// An end that remembers its last answers, for a peer that did not get them.
struct Closed: Sendable {
    let answer: StoredAnswer?
}
