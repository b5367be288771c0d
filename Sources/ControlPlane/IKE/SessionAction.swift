public import Associations

/// Where the datagrams of an IKE SA go.
public struct Path: Sendable, Hashable {
    public var local: SocketAddress
    public var remote: SocketAddress

    public init(local: SocketAddress, remote: SocketAddress) {
        self.local = local
        self.remote = remote
    }

    /// The port of IKE and ESP in UDP behind the non-ESP marker (RFC 3948 §2.2).
    public static let floatedPort: UInt16 = 4500

    /// The path of an initiator that found a NAT (RFC 7296 §2.23).
    var floated: Path {
        var path = self
        path.local.port = Self.floatedPort
        path.remote.port = Self.floatedPort
        return path
    }
}

/// The two SAs of a Child SA.
public struct ChildSecurityAssociations: Sendable {
    public var inbound: SecurityAssociation
    public var outbound: SecurityAssociation
    /// What `addChild` asked for it with; nil for others.
    public var resource: [UInt8]?

    /// Between these addresses from now on.
    mutating func relocate(_ path: Path, _ encapsulation: UDPEncapsulation?) {
        (inbound.source, inbound.destination) = (path.remote.address, path.local.address)
        (outbound.source, outbound.destination) = (path.local.address, path.remote.address)
        inbound.udpEncapsulation = encapsulation
        outbound.udpEncapsulation = encapsulation
    }
}

/// A Child SA by the names of its two halves.
public struct ChildSPIs: Sendable, Hashable {
    /// Chosen by us.
    public var inbound: SPI
    /// Chosen by the peer.
    public var outbound: SPI
}

extension Session {
    /// What a session wants done, in this order.
    public enum Action: Sendable {
        /// An IKE message, or a fragment of one, without the non-ESP marker, which who sends from port 4500 puts before it.
        case send([UInt8], Path)
        /// From now on the peer is reached by this path.
        case move(Path)
        /// A byte of 0xFF over this path (RFC 3948 §2.3), so that a NAT before us keeps its mapping.
        case keepAlive(Path)
        /// A Child SA that is installed has these outer addresses from now on, and this encapsulation.
        case relocate(ChildSPIs, Path, UDPEncapsulation?)
        /// The peer sends us to another gateway: begin there with this. This session closes.
        case redirected(Redirected)
        /// To be answered by `judged`, in good time: nothing else happens meanwhile.
        case judge(PeerCertificate)
        /// The peer, authenticated, has no other IKE SA with us: those that we have under this identification are dead.
        case initialContact(IdentificationPayload)
        /// Both ends have shown who they are; the peer's identification.
        case established(IdentificationPayload)
        /// Messages with this SPI on our side are for this session from now on.
        case claim(IKESPI)
        /// And from now on no more.
        case release(IKESPI)
        /// Inbound must be in place everywhere before the next action is done. Outbound is not used before `use`.
        /// A rekey replaces another Child SA, which goes on until it is deleted.
        case install(ChildSecurityAssociations, replacing: ChildSPIs?)
        /// What this Child SA may carry goes out through it from now on.
        case use(ChildSPIs)
        /// What `addChild` asked for with this resource is not made, nor will be.
        case notMade(resource: [UInt8])
        /// Both halves are over, and their keys.
        case delete(ChildSPIs)
        /// It is time to authenticate anew: by another session that takes this one's place, which is then closed.
        case reauthenticate
        /// Something was refused, by us or by the peer, and the session goes on.
        case refused(Refusal)
        /// The session is over, by the wish of one of the ends.
        case closed
        /// The session is over.
        case failed(Failure)
        /// For the counter of this name.
        case count(Event)
    }

    /// Datagrams that change nothing, and requests that are refused.
    public enum Event: Sendable, Hashable {
        case malformed(IKEMessageFault.Name)
        /// Not of this IKE SA, or not from its other end.
        case foreign
        /// Sealed by somebody else, or changed on its way.
        case unauthentic
        /// A message of an exchange that is over.
        case stale
        /// A message ID beyond the window, which is 1.
        case outOfWindow
        /// An exchange that has no place in this state.
        case unexpected
        /// Whatever comes while a certificate is judged.
        case awaitingVerdict
        /// Our answer was asked for again, and sent again.
        case answerRepeated
        /// Our request was sent again.
        case requestRepeated
        /// A fragment whose message is not whole yet.
        case fragmentKept
        /// A fragment that is there already.
        case fragmentRepeated
        /// A fragment beyond `MessageBounds.reassembledByteCount`.
        case fragmentsTooLong
        /// An exchange that we refuse by a notification.
        case exchangeRefused
        /// A request that crossed one of ours, and was put off by TEMPORARY_FAILURE.
        case putOff
        /// The same from the peer: ours is asked again later.
        case putOffByPeer
        /// Both ends rekeyed the same SA at once.
        case collision
        /// The peer, taken over by another member of its cluster, set the message IDs (RFC 6311).
        case synchronised
        /// It would have our numbers of ESP leap, too, which has no effect.
        case replayCounterSync
    }

    /// Why something was refused.
    public enum Refusal: Sendable, Hashable {
        /// Of a peer's offer, for IKE or for the Child SA, as operators write proposals.
        case noProposalChosen(offered: [String], acceptable: [String])
        /// The key exchange that the peer began with, and the one that we ask for.
        case keyExchange(offered: KeyExchangeID, wanted: KeyExchangeID)
        /// A public value that is none of its group's, or a message without what it must have.
        case invalidSyntax
        /// As TS payloads say them, both sides of the peer's offer.
        case selectors(local: [String], remote: [String])
        /// The peer will have one mode, the policy the other.
        case mode(wanted: Mode)
        /// The peer will have BEET mode, which there is not.
        case beetMode
        /// The peer refused our Child SA.
        case childByPeer(NotifyType)
        /// The peer's answer for our Child SA is none to our offer.
        case childAnswer
        /// A Child SA reached a hard limit, and is deleted.
        case childLifetime
        /// The IKE SA reached its hard limit, and is closed.
        case ikeLifetime
        /// The policy has no more Child SAs.
        case childCount
        /// Nor with the same selectors.
        case parallelChildCount
        /// We are to move and cannot: without MOBIKE, or as who did not begin the session.
        case immobile
        /// The peer does not take our new addresses; we are there all the same.
        case movePeerRefuses(NotifyType)
        /// A client was sent elsewhere.
        case redirect(Gateway)
        /// The peer moved to where the policy does not have it.
        case address(SocketAddress)
        /// The peer moved behind a NAT, which it or the policy forbids.
        case natForbidden(SocketAddress)
        /// The peer's answer from its new address is not that of who was asked; the session is closed.
        case routability(SocketAddress)
        /// The peer refused to rekey the IKE SA.
        case successorByPeer(NotifyType)
    }

    public enum ProofKind: Sendable, Hashable { case sharedKey, certificate }

    /// Why a session ended that should not have.
    public enum Failure: Error, Sendable, Hashable {
        /// The peer does not answer this exchange.
        case silence(ExchangeType)
        /// The responder waited for IKE_AUTH in vain.
        case halfOpen
        /// The peer refuses what we offered; as operators write it.
        case noProposalChosen(offered: [String])
        /// The peer wants a key exchange that we did not offer, or asks without end.
        case keyExchangeRefused(wanted: KeyExchangeID?)
        /// The peer asks for one cookie after the other.
        case cookies
        /// The peer's answer is not one to our offer, or lacks something.
        case invalidAnswer(ExchangeType)
        /// The peer's request is not what was agreed, or lacks something.
        case invalidRequest(ExchangeType)
        case refusedByPeer(ExchangeType, NotifyType)
        /// The peer's identification, and what we expect.
        case identification(IdentificationPayload, expected: PeerIdentity)
        /// The peer asks for somebody else than us.
        case askedFor(IdentificationPayload, we: IdentificationPayload)
        /// Of several candidates none fits who the peer says to be, whom it asks for, and how it proves it.
        case noCandidate(IdentificationPayload, askedFor: IdentificationPayload?, AuthenticationMethod?)
        /// The peer does not know the shared key.
        case authentication(IdentificationPayload)
        /// The peer sends us on, once more than the policy has it.
        case redirectedTooOften(Gateway)
        /// The peer proves itself in a way that the policy does not have; nil when it does not at all.
        case method(IdentificationPayload, AuthenticationMethod?, expected: ProofKind)
        /// The peer shows no certificate, or too many.
        case noCertificate(IdentificationPayload)
        /// Its certificate is not believed, for this reason.
        case certificate(IdentificationPayload, String)
        /// Its certificate is believed, its signature is not one of this certificate's key.
        case signature(IdentificationPayload)
        /// Nobody said whether its certificate is to be believed.
        case noVerdict(IdentificationPayload)
        /// Our key has no signature that the peer understands.
        case noCommonSignature(own: [SignatureScheme], peer: Set<SignatureHash>)
        /// Our key does not sign.
        case signing(SignatureFailure)
        /// The peer does not use the post-quantum preshared key that the policy wants, or shows one that we have not.
        case noPostquantumKey
        /// The peer's IKE_AUTH, sealed by it, cannot be read.
        case malformedAuthentication
    }
}
