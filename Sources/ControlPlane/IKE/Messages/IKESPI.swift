/// Names one end of an IKE SA (RFC 7296 §3.1), a number in host order. 0 where the responder's is not known yet.
public struct IKESPI: RawRepresentable, Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let zero = IKESPI(rawValue: 0)

    /// The number that starts at the first of eight bytes; nil unless there are eight. A Proposal and a Notify payload
    /// hold it in this form.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 8 else { return nil }
        rawValue = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Eight bytes, as on the wire.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: rawValue)
        return bytes
    }

    /// Sixteen hexadecimal digits.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
