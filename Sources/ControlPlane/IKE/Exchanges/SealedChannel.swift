internal import Associations

/// Both directions of an IKE SA's encryption as one end has them (RFC 7296 §3.14).
struct SealedChannel: Sendable {
    let initiatorSPI, responderSPI: IKESPI
    let role: IKERole
    let keys: IKEKeys
    /// The next number for `IKEProtection.seal`; never the same twice under one key.
    private(set) var nextNumber: UInt64 = 0

    init(initiatorSPI: IKESPI, responderSPI: IKESPI, role: IKERole, keys: IKEKeys) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.role = role
        self.keys = keys
    }

    /// A whole message around `payloads`.
    mutating func seal(
        _ payloads: [IKEPayload], _ exchange: ExchangeType, messageID: UInt32, isResponse: Bool
    ) -> [UInt8] {
        var flags: IKEHeader.Flags = role == .initiator ? .initiator : []
        if isResponse { flags.insert(.response) }
        let header = IKEHeader(
            initiatorSPI: initiatorSPI, responderSPI: responderSPI, exchange: exchange, flags: flags,
            messageID: messageID)
        let plaintext = IKEPayload.bytes(ofChain: payloads)
        let protection = keys.protection(of: role)
        let room = [UInt8](repeating: 0, count: protection.algorithm.bodyByteCount(plaintext: plaintext.count))
        let message = IKEMessage(
            header, [.encrypted(EncryptedPayload(first: payloads.first?.type ?? .none, sealed: room))]
        ).bytes
        let associatedData = Array(message.dropLast(room.count))
        defer { nextNumber += 1 }
        return associatedData + protection.seal(plaintext, associatedData: associatedData, number: nextNumber)
    }

    /// Whether the header is one that the peer of this SA writes.
    func isFromPeer(_ header: IKEHeader) -> Bool {
        header.initiatorSPI == initiatorSPI && header.responderSPI == responderSPI
            && header.flags.contains(.initiator) == (role == .responder)
    }

    /// What was sealed by the peer, with the type of its first payload; nil when the peer did not seal it.
    func open(_ message: IKEMessage, _ datagram: [UInt8]) -> (first: PayloadType, plaintext: [UInt8])? {
        guard let payload = message.payloads.encrypted, let offset = message.sealedOffset,
            let plaintext = keys.protection(of: role.other).open(
                datagram[offset...], associatedData: datagram[..<offset])
        else { return nil }
        return (payload.first, plaintext)
    }
}
