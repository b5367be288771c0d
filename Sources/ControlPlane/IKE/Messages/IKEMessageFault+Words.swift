extension IKEMessageFault: CustomStringConvertible {
    /// For an operator's log, after the peer's name.
    public var description: String {
        switch self {
        case .truncatedHeader(let count): "\(count) bytes are no IKE header, which has 28"
        case .wrongLength(let stated, let actual): "the header says \(stated) bytes, the datagram has \(actual)"
        case .majorVersion(let version): "IKE version \(version), spoken here is 2"
        case .zeroInitiatorSPI: "the initiator's SPI is 0"
        case .shortPayload(let type, let stated): "payload \(type) says it has \(stated) bytes, fewer than its header"
        case .payloadBeyondEnd(let type): "payload \(type) goes beyond the end of the message"
        case .bytesAfterPayloads(let count): "\(count) bytes follow the last payload"
        case .tooManyPayloads: "more than \(MessageBounds.payloads) payloads"
        case .unsupportedCriticalPayload(let type): "payload \(type) is not known here and marked critical"
        case .duplicatePayload(let type): "payload \(type) is there twice"
        case .nestedEncryption(let type): "payload \(type) inside an encrypted one"
        case .truncatedPayload(let type): "payload \(type) is cut short"
        case .wrongCount(let type): "a count in payload \(type) does not fit what it holds"
        case .tooMany(let type): "payload \(type) holds more than is taken"
        case .noProposals: "payload SA holds no proposal"
        case .proposalOrder: "the numbers of the proposals do not rise"
        case .spiLength(let type, let protocolID, let count):
            "an SPI of \(count) bytes for \(protocolID) in payload \(type)"
        case .repeatedKeyLength: "a transform with two key lengths"
        case .keyExchangeLength(let method, let count): "\(count) bytes of key exchange data for \(method)"
        case .nonceLength(let count): "a nonce of \(count) bytes, allowed are 16 to 256"
        case .identificationLength(let type, let count): "an \(type) of \(count) bytes"
        case .unknownDeleteProtocol(let protocolID): "a deletion for protocol \(protocolID)"
        case .selectorLength(let count): "a traffic selector of \(count) bytes"
        case .invertedSelector: "a traffic selector that ends before it starts"
        case .mappedSelector: "a traffic selector with IPv4-mapped IPv6 addresses"
        case .fragmentNumber(let number, let total): "fragment \(number) of \(total)"
        }
    }
}
