internal import Wire

/// A public value (RFC 7296 §3.4).
///
/// ```
///  +-------------------------------+-------------------------------+
///  |  Key Exchange Method Num      |           RESERVED            |
///  +-------------------------------+-------------------------------+
///  |                       Key Exchange Data                       |
///  +---------------------------------------------------------------+
/// ```
public struct KeyExchangePayload: Hashable, Sendable {
    static let headerByteCount = 4

    public var method: KeyExchangeID
    public var data: [UInt8]

    public init(_ method: KeyExchangeID, data: [UInt8]) {
        self.method = method
        self.data = data
    }

    /// Of a KEM both lengths pass: which of the two it must be, the exchange knows.
    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.keyExchange) }
        method = KeyExchangeID(rawValue: body.bigEndian16(at: 0))
        data = body.bytes(from: Self.headerByteCount)
        if let counts = method.dataByteCounts, data.count != counts.initiator, data.count != counts.responder {
            throw .keyExchangeLength(method, data.count)
        }
    }

    public func write(to bytes: inout [UInt8]) {
        bytes.append(bigEndian: method.rawValue)
        bytes += [0, 0]
        bytes += data
    }
}
