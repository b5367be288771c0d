internal import Wire

/// Payloads stand in a chain: each says the type of the next (RFC 7296 §3.2).
///
/// ```
///  +---------------+-+-------------+-------------------------------+
///  | Next Payload  |C|  RESERVED   |         Payload Length        |  with these four bytes
///  +---------------+-+-------------+-------------------------------+
/// ```
///
/// SK and SKF are the last of their chain; their next payload is the first of those inside.
extension IKEPayload {
    static let headerByteCount = 4
    enum Offset { static let next = 0, critical = 1, length = 2 }

    /// The payloads that were inside an encrypted one, once it has been opened: `first` is its `first`, `bytes` is what
    /// was inside without padding.
    public static func innerChain(
        _ first: PayloadType, reading bytes: RawSpan
    ) throws(IKEMessageFault) -> [IKEPayload] {
        try chain(first, reading: bytes, isInner: true)
    }

    static func chain(
        _ first: PayloadType, reading bytes: RawSpan, isInner: Bool
    ) throws(IKEMessageFault) -> [IKEPayload] {
        var payloads: [IKEPayload] = []
        var single = Set<PayloadType>()
        var type = first
        var start = 0
        while type != .none {
            guard payloads.count < MessageBounds.payloads else { throw .tooManyPayloads }
            guard bytes.byteCount - start >= headerByteCount else { throw .payloadBeyondEnd(type) }
            let next = PayloadType(rawValue: bytes.byte(at: start + Offset.next))
            let isCritical = bytes.byte(at: start + Offset.critical) & 0x80 != 0
            let length = Int(bytes.bigEndian16(at: start + Offset.length))
            guard length >= headerByteCount else { throw .shortPayload(type, stated: length) }
            guard length <= bytes.byteCount - start else { throw .payloadBeyondEnd(type) }
            let isEncrypted = type == .encrypted || type == .encryptedFragment
            if isInner && isEncrypted { throw .nestedEncryption(type) }
            if !type.mayRepeat, !single.insert(type).inserted { throw .duplicatePayload(type) }
            let body = bytes.extracting(start + headerByteCount..<start + length)
            payloads.append(try IKEPayload(type, isCritical: isCritical, inner: next, reading: body))
            start += length
            type = isEncrypted ? .none : next
        }
        guard start == bytes.byteCount else { throw .bytesAfterPayloads(bytes.byteCount - start) }
        return payloads
    }

    /// What goes into an encrypted payload before its padding; its `first` is the type of the first.
    public static func bytes(ofChain payloads: [IKEPayload]) -> [UInt8] {
        var bytes: [UInt8] = []
        writeChain(payloads, to: &bytes)
        return bytes
    }

    /// Traps when a payload is longer than its 16-bit length can say, or follows an encrypted one.
    static func writeChain(_ payloads: [IKEPayload], to bytes: inout [UInt8]) {
        for (index, payload) in payloads.enumerated() {
            let start = bytes.count
            let next = index + 1 < payloads.count ? payloads[index + 1].type : .none
            bytes.append(payload.innerType(before: next).rawValue)
            if case .unknown(let unknown) = payload, unknown.isCritical { bytes.append(0x80) } else { bytes.append(0) }
            bytes.append(bigEndian: UInt16(0))
            payload.writeBody(to: &bytes)
            bytes.storeLength(at: start + Offset.length, countedFrom: start)
        }
    }

    private func innerType(before next: PayloadType) -> PayloadType {
        let inner: PayloadType
        switch self {
        case .encrypted(let payload): inner = payload.first
        case .encryptedFragment(let payload): inner = payload.first
        default: return next
        }
        precondition(next == .none, "an encrypted payload is the last of its message")
        return inner
    }
}
