internal import Wire

/// SKF (RFC 7383 §2.5): a piece of what an SK would have held, sealed on its own.
///
/// ```
///  +-------------------------------+-------------------------------+
///  |        Fragment Number        |        Total Fragments        |
///  +-------------------------------+-------------------------------+
///  |             as in SK: IV, sealed bytes, check value           |
///  +---------------------------------------------------------------+
/// ```
public struct EncryptedFragmentPayload: Hashable, Sendable {
    static let headerByteCount = 4

    /// From 1.
    public let number: UInt16
    /// Of all fragments of the message.
    public let total: UInt16
    /// The type of the first payload inside. Says something in fragment 1 only; the others send `none`.
    public let first: PayloadType
    /// IV, sealed bytes, check value.
    public let sealed: [UInt8]

    /// Traps unless 1 <= `number` <= `total` <= `MessageBounds.fragments`.
    public init(number: UInt16, of total: UInt16, first: PayloadType, sealed: [UInt8]) {
        precondition(Self.isSane(number, total))
        self.number = number
        self.total = total
        self.first = first
        self.sealed = sealed
    }

    public init(reading body: RawSpan, first: PayloadType) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.encryptedFragment) }
        number = body.bigEndian16(at: 0)
        total = body.bigEndian16(at: 2)
        guard Self.isSane(number, total) else { throw .fragmentNumber(number, of: total) }
        self.first = first
        sealed = body.bytes(from: Self.headerByteCount)
    }

    private static func isSane(_ number: UInt16, _ total: UInt16) -> Bool {
        number >= 1 && number <= total && Int(total) <= MessageBounds.fragments
    }

    public func write(to bytes: inout [UInt8]) {
        bytes.append(bigEndian: number)
        bytes.append(bigEndian: total)
        bytes += sealed
    }
}
