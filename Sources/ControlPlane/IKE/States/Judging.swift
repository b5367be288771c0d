/// An end that waits for the verdict on its peer's certificate. The peer's message is verified under the keys of the IKE SA;
/// whatever else comes is passed over, until `deadline`.
struct Judging: Sendable {
    enum Way: Sendable {
        case responding(InitAnswered, AuthRequest)
        case initiating(AuthSent, answer: [IKEPayload])
    }

    let way: Way
    let peer: IdentificationPayload
    let proof: AuthenticationPayload
    /// When it is given up, in nanoseconds of the session's clock.
    let deadline: UInt64

    var agreed: Agreed {
        switch way {
        case .responding(let answered, _): answered.agreed
        case .initiating(let sent, _): sent.agreed
        }
    }
}

/// A request of IKE_AUTH, opened.
struct AuthRequest: Sendable {
    let payloads: [IKEPayload]
    /// What its repetitions are known by, as `OpenedMessage.leading`.
    let leading: [UInt8]
    let path: Path
}
