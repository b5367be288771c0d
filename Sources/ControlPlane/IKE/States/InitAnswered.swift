/// A responder that has answered IKE_SA_INIT, and IKE_INTERMEDIATE if there was one, and waits for IKE_AUTH.
struct InitAnswered: Sendable {
    var agreed: Agreed
    /// The last.
    var answer: StoredAnswer
    /// When it is given up, in nanoseconds of the session's clock.
    let deadline: UInt64

    init(_ agreed: Agreed, timing: SessionPolicy.Timing, at now: UInt64) {
        self.agreed = agreed
        answer = StoredAnswer([agreed.initResponse], to: agreed.initRequest, messageID: 0)
        deadline = now + timing.halfOpen
    }
}
