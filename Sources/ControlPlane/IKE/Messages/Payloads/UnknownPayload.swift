/// A payload that this side has no reading for.
public struct UnknownPayload: Hashable, Sendable {
    public let type: PayloadType
    /// The recipient must refuse the message if it does not know the type (RFC 7296 §2.5).
    public let isCritical: Bool
    public let bytes: [UInt8]

    /// Traps when the type is known, or `none`.
    public init(_ type: PayloadType, isCritical: Bool = false, bytes: [UInt8]) {
        precondition(!type.isKnown && type != .none)
        self.type = type
        self.isCritical = isCritical
        self.bytes = bytes
    }
}
