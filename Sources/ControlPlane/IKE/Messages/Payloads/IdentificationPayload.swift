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
    /// As it came: AUTH covers it (RFC 7296 §2.15), and says nothing of who somebody is.
    private var reserved: [UInt8] = [0, 0, 0]

    public static func == (a: Self, b: Self) -> Bool { a.type == b.type && a.data == b.data }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(data)
    }

    public init(_ type: IdentificationType, data: [UInt8]) {
        self.type = type
        self.data = data
    }

    public init(reading body: RawSpan, _ payload: PayloadType) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(payload) }
        type = IdentificationType(rawValue: body.byte(at: 0))
        reserved = body.bytes(in: 1..<Self.headerByteCount)
        data = body.bytes(from: Self.headerByteCount)
        if let count = type.dataByteCount, count != data.count { throw .identificationLength(type, data.count) }
    }

    /// The payload's body; of an identification that came, the bytes that came.
    public func write(to bytes: inout [UInt8]) {
        bytes.append(type.rawValue)
        bytes += reserved
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
