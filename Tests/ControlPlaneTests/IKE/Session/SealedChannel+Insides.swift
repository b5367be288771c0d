@testable import ControlPlane

extension SealedChannel {
    /// The payloads inside a message of the peer's that came in one piece; nil when it did not seal it.
    func insides(_ datagram: [UInt8]) throws -> [IKEPayload]? {
        let message = try IKEMessage(datagram)
        guard let sealed = message.payloads.encrypted, let plaintext = unseal(message, datagram) else { return nil }
        return try IKEPayload.innerChain(sealed.first, plaintext)
    }
}

extension Session {
    /// Of a session that has keys.
    var channel: SealedChannel? {
        switch state {
        case .idle, .initSent, .closed: nil
        case .intermediateSent(let sent): sent.agreed.channel
        case .initAnswered(let answered): answered.agreed.channel
        case .authSent(let sent): sent.agreed.channel
        case .judging(let judging): judging.agreed.channel
        case .established(let established): established.channel
        }
    }
}
