internal import Associations

/// Something that waits for our window. What it is about may be gone when its turn comes; then it is passed over.
struct SessionTask: Sendable {
    var kind: Kind
    /// Nanoseconds of the session's clock; 0 for at once.
    var notBefore: UInt64 = 0

    enum Kind: Sendable {
        case probe
        /// By our SPI, as below.
        case deleteChild(SPI)
        /// One that our own replacement took the place of.
        case deleteReplaced(SPI)
        /// A Child SA that the peer made and we did not.
        case discard(SPI)
        case rekeyChild(SPI)
        case createChild(ChildWish)
        case rekeyIKE
        /// UPDATE_SA_ADDRESSES (RFC 4555 §3.5).
        case updateAddresses
        /// REDIRECT (RFC 5685 §5).
        case redirect(Gateway)
        /// COOKIE2 (RFC 4555 §3.7).
        case checkRoute
    }

    init(_ kind: Kind, notBefore: UInt64 = 0) {
        self.kind = kind
        self.notBefore = notBefore
    }
}
