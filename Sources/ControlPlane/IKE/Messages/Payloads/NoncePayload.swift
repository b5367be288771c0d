internal import Wire

/// Ni or Nr (RFC 7296 §3.9): 16 to 256 bytes, and nothing else.
public struct NoncePayload: Hashable, Sendable {
    public let data: [UInt8]

    /// Traps unless there are 16 to 256 bytes.
    public init(_ data: [UInt8]) {
        precondition(MessageBounds.nonceByteCounts.contains(data.count))
        self.data = data
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard MessageBounds.nonceByteCounts.contains(body.byteCount) else { throw .nonceLength(body.byteCount) }
        data = body.bytes(from: 0)
    }

    public func write(to bytes: inout [UInt8]) { bytes += data }
}
