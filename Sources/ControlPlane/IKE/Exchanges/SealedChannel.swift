internal import Associations

/// Both directions of an IKE SA's encryption as one end has them (RFC 7296 §3.14), and their fragments (RFC 7383).
struct SealedChannel: Sendable {
    let initiatorSPI, responderSPI: IKESPI
    let role: IKERole
    private(set) var keys: IKEKeys
    /// Bytes of the longest message that goes in one piece; nil when the ends did not agree on fragments, and everything
    /// goes whole and nothing else is taken.
    let fragmentLimit: Int?
    /// The next number for `IKEProtection.seal`; never the same twice under one key.
    private(set) var nextNumber: UInt64 = 0
    /// Of the peer's requests and answers, one message each at a time.
    private(set) var requestPieces, responsePieces: Reassembly?

    init(
        initiatorSPI: IKESPI, responderSPI: IKESPI, role: IKERole, keys: IKEKeys, fragmentLimit: Int? = nil
    ) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.role = role
        self.keys = keys
        self.fragmentLimit = fragmentLimit
    }

    /// From now on these keys (RFC 9370 §2.2.2); nothing that came under the old ones is kept.
    mutating func takeKeys(_ new: IKEKeys) {
        keys = new
        requestPieces = nil
        responsePieces = nil
    }

    /// Past every number that may have been used since this state was kept: 2^32 messages or fragments.
    mutating func leap() { nextNumber += 1 << 32 }

    /// The keys of the messages stay (RFC 8784 §3).
    mutating func mix(ppk: SecretBytes) { keys = keys.mixing(ppk: ppk) }

    /// A message around `payloads`: one datagram, or as many as it has fragments.
    mutating func seal(
        _ payloads: [IKEPayload], _ exchange: ExchangeType, messageID: UInt32, isResponse: Bool
    ) -> [[UInt8]] {
        var flags: IKEHeader.Flags = role == .initiator ? .initiator : []
        if isResponse { flags.insert(.response) }
        let header = IKEHeader(
            initiatorSPI: initiatorSPI, responderSPI: responderSPI, exchange: exchange, flags: flags,
            messageID: messageID)
        let plaintext = IKEPayload.bytes(ofChain: payloads)
        let first = payloads.first?.type ?? .none
        guard let pieces = pieces(of: plaintext) else {
            return [
                seal(header, plaintext[...]) { room in .encrypted(EncryptedPayload(first: first, sealed: room)) }
            ]
        }
        return pieces.enumerated().map { index, piece in
            seal(header, piece) { room in
                .encryptedFragment(
                    EncryptedFragmentPayload(
                        number: UInt16(index + 1), of: UInt16(pieces.count), first: index == 0 ? first : .none,
                        sealed: room))
            }
        }
    }

    private mutating func seal(
        _ header: IKEHeader, _ plaintext: ArraySlice<UInt8>, in payload: ([UInt8]) -> IKEPayload
    ) -> [UInt8] {
        let protection = keys.protection(of: role)
        let room = [UInt8](repeating: 0, count: protection.algorithm.bodyByteCount(plaintext: plaintext.count))
        let associatedData = Array(IKEMessage(header, [payload(room)]).bytes.dropLast(room.count))
        defer { nextNumber += 1 }
        return associatedData + protection.seal(Array(plaintext), associatedData: associatedData, number: nextNumber)
    }

    /// nil when the message goes whole. Never more pieces than a message may have: what is too long for that goes in
    /// larger ones.
    private func pieces(of plaintext: [UInt8]) -> [ArraySlice<UInt8>]? {
        let algorithm = keys.protection
        let head = IKEHeader.byteCount + IKEPayload.headerByteCount
        guard let fragmentLimit, head + algorithm.bodyByteCount(plaintext: plaintext.count) > fragmentLimit else {
            return nil
        }
        let room = fragmentLimit - head - EncryptedFragmentPayload.headerByteCount
        guard let fitting = algorithm.plaintextByteCount(body: room), fitting > 0 else {
            preconditionFailure("a policy's datagrams have room for a fragment")
        }
        let least = (plaintext.count + MessageBounds.fragments - 1) / MessageBounds.fragments
        let step = max(fitting, least)
        return stride(from: 0, to: plaintext.count, by: step).map { plaintext[$0..<min($0 + step, plaintext.count)] }
    }

    /// Whether the header is one that the peer of this SA writes.
    func isFromPeer(_ header: IKEHeader) -> Bool {
        header.initiatorSPI == initiatorSPI && header.responderSPI == responderSPI
            && header.flags.contains(.initiator) == (role == .responder)
    }

    /// What the peer sealed in this datagram, an SK payload or a fragment; nil when the peer did not seal it.
    func unseal(_ message: IKEMessage, _ datagram: [UInt8]) -> [UInt8]? {
        guard let offset = message.sealedOffset else { return nil }
        return keys.protection(of: role.other).open(datagram[offset...], associatedData: datagram[..<offset])
    }

    /// Whether this is the first fragment of a message of the peer's: of one that was answered, the sign to answer again
    /// (RFC 7383 §2.6.1), though the peer may have cut it in other pieces meanwhile.
    func isFirstFragment(_ arrival: Arrival) -> Bool {
        guard fragmentLimit != nil, arrival.message.payloads.encryptedFragment?.number == 1 else { return false }
        return isFromPeer(arrival.header) && unseal(arrival.message, arrival.datagram) != nil
    }

    /// A message of the peer's, if this datagram is it or its last missing fragment. To be asked only about messages
    /// that are waited for: a verified fragment is kept.
    mutating func open(_ arrival: Arrival) -> Opening {
        let fragment = arrival.message.payloads.encryptedFragment
        if fragment != nil && fragmentLimit == nil { return .nothing(.unexpected) }
        var pieces = arrival.isResponse ? responsePieces : requestPieces
        if let fragment, let event = pieces?.refusal(of: fragment, arrival.header) { return .nothing(event) }
        guard let plaintext = unseal(arrival.message, arrival.datagram) else { return .nothing(.unauthentic) }
        let opening: Opening
        if let fragment {
            opening = Reassembly.add(fragment, plaintext, arrival, to: &pieces)
        } else {
            pieces = nil
            opening = .message(
                OpenedMessage(
                    first: arrival.message.payloads.encrypted?.first ?? .none, plaintext: plaintext,
                    leading: arrival.datagram))
        }
        if arrival.isResponse { responsePieces = pieces } else { requestPieces = pieces }
        return opening
    }
}
