internal import Associations

/// An initiator that waits for the answer to IKE_AUTH.
struct AuthSent: Sendable {
    var agreed: Agreed
    let path: Path
    /// What we will receive the first Child SA's packets by.
    let childSPI: SPI
    var request: Retransmission

    /// Throws when our key has no signature that the peer understands.
    init(
        _ agreed: Agreed, path: Path, _ policy: SessionPolicy, isInitialContact: Bool = false, at now: UInt64,
        using random: inout some IKERandomness
    ) throws(Session.Failure) {
        var agreed = agreed
        childSPI = random.espSPI()
        self.path = path
        let payloads = try AuthExchange.request(agreed, policy, childSPI, isInitialContact: isInitialContact)
        let datagrams = agreed.channel.seal(payloads, .ikeAuth, messageID: agreed.nextMessageID, isResponse: false)
        request = Retransmission(
            datagrams, .ikeAuth, path: path, messageID: agreed.nextMessageID, timing: policy.timing, at: now)
        self.agreed = agreed
    }
}
