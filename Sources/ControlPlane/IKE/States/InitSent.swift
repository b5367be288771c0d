/// An initiator that waits for the answer to IKE_SA_INIT.
struct InitSent: Sendable {
    let spi: IKESPI
    let nonce: [UInt8]
    let exchange: KeyExchange
    let cookie: [UInt8]?
    let path: Path
    /// From where we come; nil when from nowhere.
    let redirected: Redirected?
    /// Requests of this SA that differed; a bound on cookies and on groups asked for.
    let attempt: Int
    var request: Retransmission

    /// The message itself, which AUTH vouches for.
    var message: [UInt8] { request.datagrams[0] }

    /// Different requests; one cookie and one other group are two answers, and both may change once more.
    static let attempts = 5

    init(
        _ policy: SessionPolicy, path: Path, after redirected: Redirected? = nil, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        let wanted = policy.proposals[0].transforms.first { $0.type == .keyExchange }
        guard let method = wanted.flatMap({ KeyExchangeMethod(transformID: $0.id) }) else {
            preconditionFailure("a policy's proposals all have a key exchange of ours")
        }
        self.init(
            policy, spi: IKESPI(rawValue: random.ikeSPI()), nonce: random.nonce(),
            exchange: KeyExchange(method, using: &random), cookie: nil, path: path, redirected: redirected,
            attempt: 1, at: now)
    }

    /// The same request with a cookie (RFC 7296 §2.6).
    init(_ previous: InitSent, cookie: [UInt8], _ policy: SessionPolicy, at now: UInt64) {
        self.init(
            policy, spi: previous.spi, nonce: previous.nonce, exchange: previous.exchange, cookie: cookie,
            path: previous.path, redirected: previous.redirected, attempt: previous.attempt + 1, at: now)
    }

    /// The same request with a public value of another group (RFC 7296 §1.3); a cookie stays good.
    init(
        _ previous: InitSent, method: KeyExchangeMethod, _ policy: SessionPolicy, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        self.init(
            policy, spi: previous.spi, nonce: previous.nonce, exchange: KeyExchange(method, using: &random),
            cookie: previous.cookie, path: previous.path, redirected: previous.redirected,
            attempt: previous.attempt + 1, at: now)
    }

    private init(
        _ policy: SessionPolicy, spi: IKESPI, nonce: [UInt8], exchange: KeyExchange, cookie: [UInt8]?, path: Path,
        redirected: Redirected?, attempt: Int, at now: UInt64
    ) {
        self.redirected = redirected
        self.spi = spi
        self.nonce = nonce
        self.exchange = exchange
        self.cookie = cookie
        self.path = path
        self.attempt = attempt
        let bytes = InitExchange.request(
            spi, proposals: policy.proposals, exchange: exchange.payload, nonce: nonce, cookie: cookie, path: path,
            announcing: Extensions.announced(by: policy, after: redirected) + [policy].signatureAnnouncement)
        request = Retransmission(
            [bytes], .ikeSAInit, path: path, messageID: 0, timing: policy.timing, at: now)
    }
}
