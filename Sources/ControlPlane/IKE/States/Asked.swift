internal import Associations

/// What a request of ours under way is about, and what its answer needs.
enum Asked: Sendable {
    /// Whether the peer is there, or something that wants no more than an answer.
    case probe
    /// By our SPIs.
    case deleteChildren([SPI])
    /// The DELETE of a Child SA that the peer made and we did not, by our SPI.
    case discard(SPI)
    case createChild(ChildAsked)
    case rekeyIKE(SuccessorAsked)
    /// The path that the update was for.
    case updateAddresses(Path)
    /// The path that the peer's answer must be able to take.
    case checkRoute(Path, cookie: [UInt8])
    /// Where the message IDs stand (RFC 6311).
    case synchronise(Synchronisation)
    /// The DELETE of the IKE SA that carries it.
    case close

    /// Whether a Child SA is being made, rekeyed or closed: the peer must wait with rekeying the IKE SA
    /// (RFC 7296 §2.25.1).
    var isAboutChildren: Bool {
        switch self {
        case .deleteChildren, .discard, .createChild: true
        case .probe, .rekeyIKE, .updateAddresses, .checkRoute, .synchronise, .close: false
        }
    }
}

/// What a Child SA is wanted for.
struct ChildWish: Sendable {
    /// The inbound SPI of the Child SA that it takes the place of; nil for one more.
    var replacing: SPI?
    var selectors: TrafficSelectors
    /// For one of several with the same selectors: the resource of ours that it is for, any bytes (RFC 9611 §5.1).
    var resource: [UInt8]?
    /// What we will receive its packets by; nil until it is drawn.
    var spi: SPI?
    /// The key exchange that the peer asked for; nil for the policy's first.
    var method: KeyExchangeMethod?
    /// Requests that differed; a bound on groups asked for.
    var attempt = 1
    /// The peer's replacement of the same Child SA, made while we wait (RFC 7296 §2.8.1).
    var rival: Rival?

    static let attempts = 3

    struct Rival: Sendable {
        /// Its inbound SPI.
        let child: SPI
        /// The lower one of the nonces of the exchange that made it.
        let lowestNonce: [UInt8]
        var stage: RivalStage
    }

    init(replacing: SPI? = nil, selectors: TrafficSelectors, resource: [UInt8]? = nil) {
        self.replacing = replacing
        self.resource = resource
        self.selectors = selectors
    }
}

/// A new Child SA that the peer is asked for.
struct ChildAsked: Sendable {
    var wish: ChildWish
    let spi: SPI
    let nonce: [UInt8]
    /// nil without a key exchange of the Child SA's own.
    let exchange: KeyExchange?
    /// What comes behind CREATE_CHILD_SA; nil before.
    var followUps: FollowUps<ChildAgreement>?
    /// SPIs that the peer deleted and we do not know: it may be the Child SA whose answer is still under way.
    private(set) var deletedEarly: [SPI] = []

    static let maximumDeletedEarly = 8

    init(_ wish: ChildWish, spi: SPI, nonce: [UInt8], exchange: KeyExchange?) {
        self.wish = wish
        self.spi = spi
        self.nonce = nonce
        self.exchange = exchange
    }

    mutating func noteDeleted(_ spis: [SPI]) {
        deletedEarly = (deletedEarly + spis).suffix(Self.maximumDeletedEarly)
    }
}

/// What a successor of the IKE SA is wanted with.
struct SuccessorWish: Sendable {
    /// Our SPI of it; nil until it is drawn.
    var spi: IKESPI?
    /// The key exchange that the peer asked for; nil for the policy's first.
    var method: KeyExchangeMethod?
    /// Requests that differed; a bound on groups asked for.
    var attempt = 1
    /// The peer's successor of the same IKE SA, made while we wait (RFC 7296 §2.8.2).
    var rival: Rival?

    static let attempts = 3

    struct Rival: Sendable {
        /// Of the association made for it, on our side.
        let spi: IKESPI
        let lowestNonce: [UInt8]
        var stage: RivalStage
    }
}

/// A successor of the IKE SA that the peer is asked for.
struct SuccessorAsked: Sendable {
    var wish: SuccessorWish
    let spi: IKESPI
    let nonce: [UInt8]
    let exchange: KeyExchange
    /// What comes behind CREATE_CHILD_SA; nil before.
    var followUps: FollowUps<SuccessorAgreement>?
}

/// How far the peer is with what it asked for while we wait.
enum RivalStage: Sendable {
    /// Its further key exchanges are to come (RFC 9370 §2.2.4).
    case awaited
    /// It had none.
    case made
    /// It went through with them: it knows that its own survives, or nothing of ours, whatever the nonces say.
    case settled
}

/// Octet by octet, as collisions are decided (RFC 7296 §2.8.1).
func lowestNonce(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] { one.lexicographicallyPrecedes(other) ? one : other }
