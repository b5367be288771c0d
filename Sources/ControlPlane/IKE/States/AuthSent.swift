internal import Associations

/// An initiator that waits for the answer to IKE_AUTH.
struct AuthSent: Sendable {
    var agreed: Agreed
    let path: Path
    /// What we will receive the first Child SA's packets by.
    let childSPI: SPI
    var request: Retransmission

    init(
        _ agreed: Agreed, path: Path, _ policy: SessionPolicy, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        var agreed = agreed
        childSPI = random.espSPI()
        self.path = path
        let datagrams = agreed.channel.seal(
            AuthExchange.request(agreed, policy, childSPI), .ikeAuth, messageID: agreed.nextMessageID, isResponse: false
        )
        request = Retransmission(
            datagrams, .ikeAuth, path: path, messageID: agreed.nextMessageID, timing: policy.timing, at: now)
        self.agreed = agreed
    }
}
