/// An Ethernet address (IEEE 802). `rawValue` holds its six bytes in wire order as a number: 02:00:00:00:00:01 is
/// 0x0200_0000_0001; the upper 16 bits are 0.
public struct MACAddress: Hashable, Sendable, BitwiseCopyable, LosslessStringConvertible {
    public var rawValue: UInt64

    /// Traps when `rawValue` needs more than 48 bits.
    public init(rawValue: UInt64) {
        precondition(rawValue >> 48 == 0)
        self.rawValue = rawValue
    }

    /// Six colon-separated pairs of hexadecimal digits; nil otherwise.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, part.allSatisfy(\.isHexDigit), let byte = UInt8(part, radix: 16) else {
                return nil
            }
            value = value << 8 | UInt64(byte)
        }
        self.init(rawValue: value)
    }

    public var description: String {
        (0..<6).map { index in
            let byte = UInt8(truncatingIfNeeded: rawValue >> UInt64(40 - 8 * index))
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined(separator: ":")
    }
}
