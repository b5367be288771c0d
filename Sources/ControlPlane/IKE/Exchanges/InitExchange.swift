/// The messages of IKE_SA_INIT (RFC 7296 §1.2), which travel in the clear.
enum InitExchange {
    static func isRequest(_ header: IKEHeader) -> Bool {
        header.exchange == .ikeSAInit && header.messageID == 0 && header.responderSPI == .zero
            && header.flags.contains(.initiator) && !header.flags.contains(.response)
    }

    /// HDR, [N(COOKIE)], SAi1, KEi, Ni, N(NAT_DETECTION_*), N(...). The cookie is the first (RFC 7296 §2.6).
    static func request(
        _ spi: IKESPI, proposals: [Proposal], exchange: KeyExchangePayload, nonce: [UInt8], cookie: [UInt8]?,
        path: Path,
        announcing extensions: [NotifyPayload]
    ) -> [UInt8] {
        let header = IKEHeader(
            initiatorSPI: spi, responderSPI: .zero, exchange: .ikeSAInit, flags: .initiator, messageID: 0)
        let first: [IKEPayload] = cookie.map { [.notify(NotifyPayload(.cookie, data: $0))] } ?? []
        return IKEMessage(
            header,
            first + body(proposals, exchange, nonce)
                + NATFinding.notifications(path: path, initiatorSPI: spi, responderSPI: .zero)
                + extensions.map { .notify($0) }
        ).bytes
    }

    /// HDR, SAr1, KEr, Nr, N(NAT_DETECTION_*), N(...), [CERTREQ].
    static func response(
        _ initiatorSPI: IKESPI, _ responderSPI: IKESPI, proposal: Proposal, exchange: KeyExchangePayload,
        nonce: [UInt8], path: Path, announcing extensions: [NotifyPayload], requesting request: [IKEPayload]
    ) -> [UInt8] {
        let header = IKEHeader(
            initiatorSPI: initiatorSPI, responderSPI: responderSPI, exchange: .ikeSAInit, flags: .response, messageID: 0
        )
        return IKEMessage(
            header,
            body([proposal], exchange, nonce)
                + NATFinding.notifications(path: path, initiatorSPI: initiatorSPI, responderSPI: responderSPI)
                + extensions.map { .notify($0) } + request
        ).bytes
    }

    private static func body(_ proposals: [Proposal], _ exchange: KeyExchangePayload, _ nonce: [UInt8]) -> [IKEPayload]
    {
        [
            .securityAssociation(SecurityAssociationPayload(proposals)),
            .keyExchange(exchange), .nonce(NoncePayload(nonce)),
        ]
    }

    /// An answer that makes no SA: the responder's SPI stays 0 (RFC 7296 §2.6).
    static func refusal(of request: IKEHeader, _ notification: NotifyPayload) -> [UInt8] {
        let header = IKEHeader(
            initiatorSPI: request.initiatorSPI, responderSPI: .zero, exchange: .ikeSAInit, flags: .response,
            messageID: 0)
        return IKEMessage(header, [.notify(notification)]).bytes
    }
}
