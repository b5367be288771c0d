internal import Associations

/// What AUTH vouches for of the IKE_INTERMEDIATE exchanges (RFC 9242 §3.3.2): a code over all messages of either end,
/// each link of the chain under the SK_p that was in force when its message went.
struct IntermediateCode: Sendable {
    private var ofInitiator: [UInt8] = []
    private var ofResponder: [UInt8] = []

    /// IntAuth_n = prf(SK_p, IntAuth_n-1 | A | P). To be called before the exchange's secret goes into `keys`.
    mutating func add(_ message: OpenedMessage, of sender: IKERole, _ keys: IKEKeys) {
        switch sender {
        case .initiator:
            ofInitiator = keys.prf(.secret(keys.skPi), [.open(ofInitiator + message.clearForm)]).disclosed
        case .responder:
            ofResponder = keys.prf(.secret(keys.skPr), [.open(ofResponder + message.clearForm)]).disclosed
        }
    }

    /// IntAuth_iN | IntAuth_rN | IKE_AUTH_MID; nothing when there was no such exchange.
    func octets(authMessageID: UInt32) -> [UInt8] {
        guard !ofInitiator.isEmpty else { return [] }
        var octets = ofInitiator + ofResponder
        octets.append(bigEndian: authMessageID)
        return octets
    }
}

extension OpenedMessage {
    /// A | P of RFC 9242 §3.3.2: the message as it would be with its plaintext in the place of the sealed bytes, in one
    /// piece, and with the lengths that belong to that.
    ///
    /// ```
    /// IKE header: next payload SK, length | ... | SK header: first payload inside, length | plaintext
    /// ```
    var clearForm: [UInt8] {
        guard let message = try? IKEMessage(leading), let sealedOffset = message.sealedOffset else {
            preconditionFailure("it was sealed")
        }
        let isFragment = message.payloads.encryptedFragment != nil
        let start =
            sealedOffset - IKEPayload.headerByteCount - (isFragment ? EncryptedFragmentPayload.headerByteCount : 0)
        var form = Array(leading[..<(start + IKEPayload.headerByteCount)])
        // RFC 7383 §2.5 lets nothing stand before a fragment that is not part of the first one; its place is named by
        // whatever stands before it.
        if start == IKEHeader.byteCount { form[IKEHeader.Offset.nextPayload] = PayloadType.encrypted.rawValue }
        form += plaintext
        form.storeLength(at: start + IKEPayload.Offset.length, countedFrom: start)
        let length = UInt32(form.count)
        for index in 0..<4 {
            form[IKEHeader.Offset.length + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index))
        }
        return form
    }

    /// What we sealed ourselves.
    init(_ payloads: [IKEPayload], in datagrams: [[UInt8]]) {
        first = payloads.first?.type ?? .none
        plaintext = IKEPayload.bytes(ofChain: payloads)
        leading = datagrams[0]
    }
}
