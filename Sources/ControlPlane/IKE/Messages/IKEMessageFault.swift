/// What is wrong with a message of a peer. Nothing of such a message counts.
public enum IKEMessageFault: Error, Hashable, Sendable {
    /// The bytes there are, fewer than a header has.
    case truncatedHeader(Int)
    /// The header's length is not the datagram's, both in bytes.
    case wrongLength(stated: UInt32, actual: Int)
    /// Not 2.
    case majorVersion(UInt8)
    case zeroInitiatorSPI
    /// A payload says that it is shorter than its own four bytes of header.
    case shortPayload(PayloadType, stated: Int)
    /// A payload, or its header, goes beyond the message's end.
    case payloadBeyondEnd(PayloadType)
    /// The chain is at its end, and there are bytes left.
    case bytesAfterPayloads(Int)
    case tooManyPayloads
    /// Unknown here, and the peer will not have it passed over.
    case unsupportedCriticalPayload(PayloadType)
    case duplicatePayload(PayloadType)
    /// SK or SKF inside of one.
    case nestedEncryption(PayloadType)
    /// A payload is shorter than its fixed fields, or than a length inside it says.
    case truncatedPayload(PayloadType)
    /// A count or a "more follow" mark inside a payload does not fit what is there.
    case wrongCount(PayloadType)
    /// More substructures in a payload than `MessageBounds` has.
    case tooMany(PayloadType)
    case noProposals
    /// Numbers of proposals that do not rise.
    case proposalOrder
    /// The length of an SPI, in bytes, that does not suit the protocol.
    case spiLength(PayloadType, ProtocolID, Int)
    case repeatedKeyLength
    /// Bytes of key exchange data, which do not suit the method.
    case keyExchangeLength(KeyExchangeID, Int)
    case nonceLength(Int)
    /// Bytes of an identification that is an address.
    case identificationLength(IdentificationType, Int)
    case unknownDeleteProtocol(ProtocolID)
    /// A traffic selector's length that does not suit its type.
    case selectorLength(Int)
    /// A traffic selector that ends before it starts.
    case invertedSelector
    /// A traffic selector for IPv6 that bears IPv4-mapped addresses.
    case mappedSelector
    /// Number 0, or beyond the total, or more than `MessageBounds` has.
    case fragmentNumber(UInt16, of: UInt16)
}

extension IKEMessageFault {
    /// The name of the counter; one for each case.
    public enum Name: String, Sendable, CaseIterable {
        case truncatedHeader, wrongLength, majorVersion, zeroInitiatorSPI, shortPayload, payloadBeyondEnd
        case bytesAfterPayloads, tooManyPayloads, unsupportedCriticalPayload, duplicatePayload, nestedEncryption
        case truncatedPayload, wrongCount, tooMany, noProposals, proposalOrder, spiLength, repeatedKeyLength
        case keyExchangeLength, nonceLength, identificationLength, unknownDeleteProtocol, selectorLength
        case invertedSelector, mappedSelector, fragmentNumber
    }

    public var name: Name {
        switch self {
        case .truncatedHeader: .truncatedHeader
        case .wrongLength: .wrongLength
        case .majorVersion: .majorVersion
        case .zeroInitiatorSPI: .zeroInitiatorSPI
        case .shortPayload: .shortPayload
        case .payloadBeyondEnd: .payloadBeyondEnd
        case .bytesAfterPayloads: .bytesAfterPayloads
        case .tooManyPayloads: .tooManyPayloads
        case .unsupportedCriticalPayload: .unsupportedCriticalPayload
        case .duplicatePayload: .duplicatePayload
        case .nestedEncryption: .nestedEncryption
        case .truncatedPayload: .truncatedPayload
        case .wrongCount: .wrongCount
        case .tooMany: .tooMany
        case .noProposals: .noProposals
        case .proposalOrder: .proposalOrder
        case .spiLength: .spiLength
        case .repeatedKeyLength: .repeatedKeyLength
        case .keyExchangeLength: .keyExchangeLength
        case .nonceLength: .nonceLength
        case .identificationLength: .identificationLength
        case .unknownDeleteProtocol: .unknownDeleteProtocol
        case .selectorLength: .selectorLength
        case .invertedSelector: .invertedSelector
        case .mappedSelector: .mappedSelector
        case .fragmentNumber: .fragmentNumber
        }
    }

    /// The notification that a request with this fault is answered with, if it is answered: who may be told, and
    /// whether under protection, RFC 7296 §2.21 says. nil where an answer has nobody to go to, or is not wanted: the rest
    /// of a datagram that is not IKE, an older version, a fragment (RFC 7383 §2.6 drops it).
    public var notification: NotifyPayload? {
        switch self {
        case .truncatedHeader, .zeroInitiatorSPI, .fragmentNumber: nil
        // "If an endpoint receives a message with a higher major version number": to IKEv1 we have nothing to say.
        case .majorVersion(let version): version > 2 ? NotifyPayload(.invalidMajorVersion) : nil
        case .unsupportedCriticalPayload(let type):
            NotifyPayload(.unsupportedCriticalPayload, data: [type.rawValue])
        default: NotifyPayload(.invalidSyntax)
        }
    }
}
