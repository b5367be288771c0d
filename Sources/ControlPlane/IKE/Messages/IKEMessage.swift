internal import Wire

/// One IKE message in the clear form of RFC 7296 §3: what a UDP datagram holds (at port 4500 behind the non-ESP marker,
/// which is not part of it), or what becomes one. The inside of an encrypted message is sealed bytes here; its payloads
/// are read by `IKEPayload.innerChain` when it has been opened.
public struct IKEMessage: Hashable, Sendable {
    /// `nextPayload` and `length` always fit the payloads.
    public let header: IKEHeader
    public let payloads: [IKEPayload]

    /// Traps when there are more payloads than `MessageBounds` has, one follows an encrypted payload,
    /// or one is longer than 64 KiB.
    public init(_ header: IKEHeader, _ payloads: [IKEPayload]) {
        precondition(payloads.count <= MessageBounds.payloads)
        var header = header
        header.nextPayload = payloads.first?.type ?? .none
        header.length = UInt32(IKEHeader.byteCount + IKEPayload.bytes(ofChain: payloads).count)
        self.header = header
        self.payloads = payloads
    }

    /// The message that is exactly `bytes`. Reserved bits are ignored, and so are the V flag and the minor version.
    public init(reading bytes: RawSpan) throws(IKEMessageFault) {
        guard let header = IKEHeader(reading: bytes) else { throw .truncatedHeader(bytes.byteCount) }
        guard header.majorVersion == 2 else { throw .majorVersion(header.majorVersion) }
        guard Int(header.length) == bytes.byteCount else {
            throw .wrongLength(stated: header.length, actual: bytes.byteCount)
        }
        guard header.initiatorSPI != .zero else { throw .zeroInitiatorSPI }
        self.header = header
        payloads = try IKEPayload.chain(
            header.nextPayload, reading: bytes.extracting(IKEHeader.byteCount..<bytes.byteCount), isInner: false)
    }

    /// As they are sent: reserved bits are 0.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(header.length))
        header.write(to: &bytes)
        IKEPayload.writeChain(payloads, to: &bytes)
        return bytes
    }

    /// Where the sealed bytes of the encrypted payload (SK or SKF) start in `bytes`, and in the datagram that the message
    /// was read from; nil when it has none. What lies before is the associated data of an AEAD (RFC 5282 §5.1,
    /// RFC 7383 §2.5): of a message that came, take it from the datagram, whose reserved bits may be set.
    public var sealedOffset: Int? {
        switch payloads.last {
        case .encrypted(let payload): Int(header.length) - payload.sealed.count
        case .encryptedFragment(let payload): Int(header.length) - payload.sealed.count
        default: nil
        }
    }
}
