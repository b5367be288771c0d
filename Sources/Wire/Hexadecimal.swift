/// Bytes as hexadecimal text.
public enum Hexadecimal {
    /// nil unless `text` is an even number of hexadecimal digits, with or without a leading "0x".
    public static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.hasPrefix("0x") ? text.dropFirst(2) : text[...])
        guard digits.count % 2 == 0, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { index in
            UInt8(digits[index].hexDigitValue! << 4 | digits[index + 1].hexDigitValue!)
        }
    }

    /// Two lower-case digits a byte.
    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
