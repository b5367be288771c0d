/// An IKE SA whose ends know each other. Both windows are 1 (RFC 7296 §2.3).
struct Established: Sendable {
    var channel: SealedChannel
    var path: Path
    let nat: NATFinding
    let peer: IdentificationPayload
    var children: [ChildSPIs]
    /// The message ID of our next request, and the one of the peer's next.
    var nextOwnID, nextPeerID: UInt32
    /// To the peer's last request; nil before its first.
    var answer: StoredAnswer?
    /// Ours, unanswered.
    var request: Retransmission?
    var closing = Closing.no

    enum Closing {
        case no
        /// When the request under way is answered.
        case wished
        /// The request under way is the DELETE.
        case asked
    }

    init(_ previous: AuthSent, peer: IdentificationPayload, children: [ChildSPIs]) {
        channel = previous.agreed.channel
        path = previous.path
        nat = previous.agreed.nat
        self.peer = peer
        self.children = children
        nextOwnID = previous.agreed.nextMessageID + 1
        nextPeerID = 0
    }

    init(
        _ previous: InitAnswered, channel: SealedChannel, path: Path, peer: IdentificationPayload,
        children: [ChildSPIs], answer: StoredAnswer
    ) {
        self.channel = channel
        self.path = path
        nat = previous.agreed.nat
        self.peer = peer
        self.children = children
        self.answer = answer
        nextOwnID = 0
        nextPeerID = previous.agreed.nextMessageID + 1
    }
}

/// An end that remembers its last answer, for a peer that did not get it.
struct Closed: Sendable {
    let answer: StoredAnswer?
}
