internal import Wire

/// A payload's body: all after the generic header of four bytes.
extension IKEPayload {
    /// `inner` is the generic header's next payload, which for SK and SKF is the first payload inside.
    init(
        _ type: PayloadType, isCritical: Bool, inner: PayloadType, reading body: RawSpan
    ) throws(IKEMessageFault) {
        self =
            switch type {
            case .securityAssociation: .securityAssociation(try .init(reading: body))
            case .keyExchange: .keyExchange(try .init(reading: body))
            case .identificationInitiator: .identificationInitiator(try .init(reading: body, type))
            case .identificationResponder: .identificationResponder(try .init(reading: body, type))
            case .certificate: .certificate(try .init(reading: body))
            case .certificateRequest: .certificateRequest(try .init(reading: body))
            case .authentication: .authentication(try .init(reading: body))
            case .nonce: .nonce(try .init(reading: body))
            case .notify: .notify(try .init(reading: body))
            case .delete: .delete(try .init(reading: body))
            case .vendorID: .vendorID(body.bytes(from: 0))
            case .trafficSelectorInitiator: .trafficSelectorsInitiator(try .init(reading: body, type))
            case .trafficSelectorResponder: .trafficSelectorsResponder(try .init(reading: body, type))
            case .encrypted: .encrypted(EncryptedPayload(first: inner, sealed: body.bytes(from: 0)))
            case .encryptedFragment: .encryptedFragment(try .init(reading: body, first: inner))
            case .configuration: .configuration(try .init(reading: body))
            case .eap: .eap(body.bytes(from: 0))
            // RFC 7296 §2.5: the bit counts for what the recipient does not know, and nowhere else.
            default:
                if isCritical {
                    throw .unsupportedCriticalPayload(type)
                } else {
                    .unknown(UnknownPayload(type, bytes: body.bytes(from: 0)))
                }
            }
    }

    func writeBody(to bytes: inout [UInt8]) {
        switch self {
        case .securityAssociation(let payload): payload.write(to: &bytes)
        case .keyExchange(let payload): payload.write(to: &bytes)
        case .identificationInitiator(let payload): payload.write(to: &bytes)
        case .identificationResponder(let payload): payload.write(to: &bytes)
        case .certificate(let payload): payload.write(to: &bytes)
        case .certificateRequest(let payload): payload.write(to: &bytes)
        case .authentication(let payload): payload.write(to: &bytes)
        case .nonce(let payload): payload.write(to: &bytes)
        case .notify(let payload): payload.write(to: &bytes)
        case .delete(let payload): payload.write(to: &bytes)
        case .vendorID(let data): bytes += data
        case .trafficSelectorsInitiator(let payload): payload.write(to: &bytes)
        case .trafficSelectorsResponder(let payload): payload.write(to: &bytes)
        case .encrypted(let payload): bytes += payload.sealed
        case .encryptedFragment(let payload): payload.write(to: &bytes)
        case .configuration(let payload): payload.write(to: &bytes)
        case .eap(let data): bytes += data
        case .unknown(let payload): bytes += payload.bytes
        }
    }
}
