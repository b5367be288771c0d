/// An initiator that waits for the answer to an IKE_INTERMEDIATE (RFC 9242) with one more key exchange (RFC 9370).
struct IntermediateSent: Sendable {
    var agreed: Agreed
    let path: Path
    let exchange: KeyExchange
    var request: Retransmission

    /// Traps when no round is left.
    init(
        _ agreed: Agreed, path: Path, _ policy: SessionPolicy, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        var agreed = agreed
        let exchange = KeyExchange(agreed.rounds[0], using: &random)
        let payloads: [IKEPayload] = [.keyExchange(exchange.payload)]
        let datagrams = agreed.channel.seal(
            payloads, .ikeIntermediate, messageID: agreed.nextMessageID, isResponse: false)
        agreed.intermediateCode.add(OpenedMessage(payloads, in: datagrams), of: .initiator, agreed.channel.keys)
        request = Retransmission(
            datagrams, .ikeIntermediate, path: path, messageID: agreed.nextMessageID, timing: policy.timing, at: now)
        self.agreed = agreed
        self.path = path
        self.exchange = exchange
    }
}
