/// A lease as its sequencer knows it, from the grant to the final report or to the end of its validity.
struct OutstandingLease: Sendable, Equatable {
    let identifier: UInt64
    let holder: HolderID
    let incarnation: UInt64
    /// The lowest number its holder may still have to use.
    var first: UInt64
    let end: UInt64
    /// On the sequencer's clock, counted from the grant: later than on the holder's, who counts from its question.
    let expiresAt: UInt64
    let isSole: Bool
    /// When the revocation is sent again; nil unless one was sent.
    var revocation: UInt64?
}
