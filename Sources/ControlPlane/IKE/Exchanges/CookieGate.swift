public import Associations
internal import Wire

/// The stateless question of a responder under load (RFC 7296 §2.6): who wants an SA must first show that it receives
/// what is sent to its address. Asked before there is a session, and before anything asymmetric is computed.
public struct CookieGate: Sendable {
    /// Random, renewed now and then; 16 bytes or more.
    public var secret: SecretBytes
    /// The one before it, so that cookies under way stay good.
    public var previousSecret: SecretBytes?
    /// From so many half-open IKE SAs on a cookie is asked for; 0 for always.
    public var threshold: Int

    public init(secret: SecretBytes, previousSecret: SecretBytes? = nil, threshold: Int) {
        self.secret = secret
        self.previousSecret = previousSecret
        self.threshold = threshold
    }

    public enum Verdict: Sendable, Hashable {
        case admit
        /// The bytes to send back; nothing is kept.
        case challenge([UInt8])
        /// Not a request that could begin an IKE SA.
        case ignore
    }

    /// `remote` is where the datagram came from.
    public func judge(_ datagram: [UInt8], from remote: SocketAddress, halfOpen: Int) -> Verdict {
        guard let request = try? IKEMessage(datagram), InitExchange.isRequest(request.header),
            let nonce = request.payloads.nonce
        else { return .ignore }
        guard halfOpen >= threshold else { return .admit }
        func cookie(_ secret: SecretBytes) -> [UInt8] {
            let octets = nonce.data + remote.address.bytes + request.header.initiatorSPI.bytes
            return PRF.prfsha256(.secret(secret), [.open(octets)]).disclosed
        }
        if let shown = request.payloads.notification(.cookie)?.data,
            isSame(shown, cookie(secret)) || previousSecret.map({ isSame(shown, cookie($0)) }) == true
        {
            return .admit
        }
        let notification = NotifyPayload(.cookie, data: cookie(secret))
        return .challenge(InitExchange.refusal(of: request.header, notification))
    }
}
