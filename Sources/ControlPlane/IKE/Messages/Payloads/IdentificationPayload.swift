internal import Wire

/// Who somebody says to be (RFC 7296 §3.5).
///
/// ```
///  +---------------+-----------------------------------------------+
///  |   ID Type     |                   RESERVED                    |
///  +---------------+-----------------------------------------------+
///  |                   Identification Data                         |
///  +---------------------------------------------------------------+
/// ```
public struct IdentificationPayload: Hashable, Sendable {
    static let headerByteCount = 4

    public var type: IdentificationType
    public var data: [UInt8]

    public init(_ type: IdentificationType, data: [UInt8]) {
        self.type = type
        self.data = data
    }

    public init(reading body: RawSpan, _ payload: PayloadType) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(payload) }
        type = IdentificationType(rawValue: body.byte(at: 0))
        data = body.bytes(from: Self.headerByteCount)
        if let count = type.dataByteCount, count != data.count { throw .identificationLength(type, data.count) }
    }

    /// The payload's body. Of an identification that came, AUTH covers the bytes that came (RFC 7296 §2.15), whose
    /// reserved ones need not be 0 as these are.
    public func write(to bytes: inout [UInt8]) {
        bytes += [type.rawValue, 0, 0, 0]
        bytes += data
    }

    /// As `write(to:)`: the RestOfInitIDPayload and RestOfRespIDPayload of RFC 7296 §2.15.
    public var body: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }
}

extension IdentificationType {
    /// nil for any.
    var dataByteCount: Int? {
        switch self {
        case .ipv4Address: 4
        case .ipv6Address: 16
        default: nil
        }
    }
}
