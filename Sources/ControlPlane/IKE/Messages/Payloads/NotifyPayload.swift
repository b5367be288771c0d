public import Associations
internal import Wire

/// An error or a piece of news (RFC 7296 §3.10).
///
/// ```
///  +---------------+---------------+-------------------------------+
///  |  Protocol ID  |   SPI Size    |      Notify Message Type      |
///  +---------------+---------------+-------------------------------+
///  |                Security Parameter Index (SPI)                 |
///  +---------------------------------------------------------------+
///  |                       Notification Data                       |
///  +---------------------------------------------------------------+
/// ```
public struct NotifyPayload: Hashable, Sendable {
    static let headerByteCount = 4

    public var type: NotifyType
    /// Of what `spi` names; ignored without one.
    public var protocolID: ProtocolID
    /// Mostly empty.
    public var spi: [UInt8]
    public var data: [UInt8]

    /// About the IKE SA itself, or about nothing yet: no protocol, no SPI.
    public init(_ type: NotifyType, data: [UInt8] = []) {
        self.type = type
        protocolID = .none
        spi = []
        self.data = data
    }

    /// About a Child SA, such as REKEY_SA and CHILD_SA_NOT_FOUND.
    public init(_ type: NotifyType, _ protocolID: ProtocolID, _ spi: SPI, data: [UInt8] = []) {
        self.type = type
        self.protocolID = protocolID
        self.spi = []
        self.spi.append(bigEndian: spi.rawValue)
        self.data = data
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.notify) }
        let spiEnd = Self.headerByteCount + Int(body.byte(at: 1))
        guard spiEnd <= body.byteCount else { throw .truncatedPayload(.notify) }
        protocolID = ProtocolID(rawValue: body.byte(at: 0))
        type = NotifyType(rawValue: body.bigEndian16(at: 2))
        spi = body.bytes(in: Self.headerByteCount..<spiEnd)
        data = body.bytes(from: spiEnd)
    }

    /// Traps when the SPI is longer than 255 bytes.
    public func write(to bytes: inout [UInt8]) {
        bytes += [protocolID.rawValue, UInt8(spi.count)]
        bytes.append(bigEndian: type.rawValue)
        bytes += spi
        bytes += data
    }
}

extension NotifyPayload {
    /// The Child SA it is about; nil when it names none.
    public var childSPI: SPI? {
        guard protocolID == .esp || protocolID == .ah, spi.count == 4 else { return nil }
        return SPI(rawValue: spi.reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// INVALID_KE_PAYLOAD's method that the responder wants (RFC 7296 §1.3); nil of others, and when it is not there.
    public var wantedKeyExchange: KeyExchangeID? {
        guard type == .invalidKEPayload, data.count == 2 else { return nil }
        return KeyExchangeID(rawValue: UInt16(data[0]) << 8 | UInt16(data[1]))
    }

    public static func invalidKEPayload(wanted method: KeyExchangeID) -> NotifyPayload {
        NotifyPayload(
            .invalidKEPayload, data: [UInt8(method.rawValue >> 8), UInt8(truncatingIfNeeded: method.rawValue)])
    }

    /// SIGNATURE_HASH_ALGORITHMS' contents (RFC 7427 §4); nil of others, and when the length is odd.
    public var signatureHashes: [SignatureHashID]? {
        guard type == .signatureHashAlgorithms, data.count % 2 == 0 else { return nil }
        return stride(from: 0, to: data.count, by: 2).map {
            SignatureHashID(rawValue: UInt16(data[$0]) << 8 | UInt16(data[$0 + 1]))
        }
    }

    public static func signatureHashAlgorithms(_ hashes: [SignatureHashID]) -> NotifyPayload {
        var data: [UInt8] = []
        for hash in hashes { data.append(bigEndian: hash.rawValue) }
        return NotifyPayload(.signatureHashAlgorithms, data: data)
    }
}
