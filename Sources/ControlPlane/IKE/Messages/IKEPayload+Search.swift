/// What an exchange looks for among payloads. Of a kind that may not repeat there is at most one in a message that was
/// read.
extension [IKEPayload] {
    public var securityAssociation: SecurityAssociationPayload? {
        firstResult { if case .securityAssociation(let payload) = $0 { payload } else { nil } }
    }
    public var keyExchange: KeyExchangePayload? {
        firstResult { if case .keyExchange(let payload) = $0 { payload } else { nil } }
    }
    public var identificationInitiator: IdentificationPayload? {
        firstResult { if case .identificationInitiator(let payload) = $0 { payload } else { nil } }
    }
    public var identificationResponder: IdentificationPayload? {
        firstResult { if case .identificationResponder(let payload) = $0 { payload } else { nil } }
    }
    public var authentication: AuthenticationPayload? {
        firstResult { if case .authentication(let payload) = $0 { payload } else { nil } }
    }
    public var nonce: NoncePayload? {
        firstResult { if case .nonce(let payload) = $0 { payload } else { nil } }
    }
    public var trafficSelectorsInitiator: TrafficSelectorPayload? {
        firstResult { if case .trafficSelectorsInitiator(let payload) = $0 { payload } else { nil } }
    }
    public var trafficSelectorsResponder: TrafficSelectorPayload? {
        firstResult { if case .trafficSelectorsResponder(let payload) = $0 { payload } else { nil } }
    }
    public var configuration: ConfigurationPayload? {
        firstResult { if case .configuration(let payload) = $0 { payload } else { nil } }
    }
    public var encrypted: EncryptedPayload? {
        firstResult { if case .encrypted(let payload) = $0 { payload } else { nil } }
    }
    public var encryptedFragment: EncryptedFragmentPayload? {
        firstResult { if case .encryptedFragment(let payload) = $0 { payload } else { nil } }
    }

    /// In their order; the first is the end entity's (RFC 7296 §3.6).
    public var certificates: [CertificatePayload] {
        compactMap { if case .certificate(let payload) = $0 { payload } else { nil } }
    }
    public var certificateRequests: [CertificateRequestPayload] {
        compactMap { if case .certificateRequest(let payload) = $0 { payload } else { nil } }
    }
    public var notifications: [NotifyPayload] {
        compactMap { if case .notify(let payload) = $0 { payload } else { nil } }
    }
    public var deletions: [DeletePayload] {
        compactMap { if case .delete(let payload) = $0 { payload } else { nil } }
    }
    public var vendorIDs: [[UInt8]] {
        compactMap { if case .vendorID(let data) = $0 { data } else { nil } }
    }

    /// The first notification of that type.
    public func notification(_ type: NotifyType) -> NotifyPayload? {
        firstResult { if case .notify(let payload) = $0, payload.type == type { payload } else { nil } }
    }

    private func firstResult<Result>(_ pick: (IKEPayload) -> Result?) -> Result? {
        for payload in self {
            if let result = pick(payload) { return result }
        }
        return nil
    }
}
