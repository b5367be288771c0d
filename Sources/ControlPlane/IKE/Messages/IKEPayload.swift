/// One payload of a message. The bodies have a file each in `Payloads/`.
public enum IKEPayload: Hashable, Sendable {
    case securityAssociation(SecurityAssociationPayload)
    case keyExchange(KeyExchangePayload)
    case identificationInitiator(IdentificationPayload)
    case identificationResponder(IdentificationPayload)
    case certificate(CertificatePayload)
    case certificateRequest(CertificateRequestPayload)
    case authentication(AuthenticationPayload)
    case nonce(NoncePayload)
    case notify(NotifyPayload)
    case delete(DeletePayload)
    /// RFC 7296 §3.12: any bytes.
    case vendorID([UInt8])
    case trafficSelectorsInitiator(TrafficSelectorPayload)
    case trafficSelectorsResponder(TrafficSelectorPayload)
    case encrypted(EncryptedPayload)
    case encryptedFragment(EncryptedFragmentPayload)
    case configuration(ConfigurationPayload)
    /// RFC 7296 §3.16: an EAP message as it is.
    case eap([UInt8])
    /// Passed over, unless it is critical: such a one makes its message a fault, so it only ever leaves from here.
    case unknown(UnknownPayload)

    public var type: PayloadType {
        switch self {
        case .securityAssociation: .securityAssociation
        case .keyExchange: .keyExchange
        case .identificationInitiator: .identificationInitiator
        case .identificationResponder: .identificationResponder
        case .certificate: .certificate
        case .certificateRequest: .certificateRequest
        case .authentication: .authentication
        case .nonce: .nonce
        case .notify: .notify
        case .delete: .delete
        case .vendorID: .vendorID
        case .trafficSelectorsInitiator: .trafficSelectorInitiator
        case .trafficSelectorsResponder: .trafficSelectorResponder
        case .encrypted: .encrypted
        case .encryptedFragment: .encryptedFragment
        case .configuration: .configuration
        case .eap: .eap
        case .unknown(let payload): payload.type
        }
    }
}
