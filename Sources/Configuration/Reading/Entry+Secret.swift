internal import Associations
internal import Wire
internal import Yams

extension Entry {
    /// `byteCount` bytes in hexadecimal. `what` is who wants that many. The message never holds a digit of them.
    func secretBytes(count byteCount: Int, for what: String) throws(ConfigurationFailure) -> [UInt8] {
        let write = "Write all \(byteCount * 2) hexadecimal digits, in quotes."
        guard let text = try scalar() else {
            throw failure("\(name) is not a text; \(what) wants \(byteCount * 2) hexadecimal digits", remedy: write)
        }
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        if let index = digits.firstIndex(where: { !($0.isASCII && $0.isHexDigit) }) {
            let position = text.distance(from: text.startIndex, to: index) + 1
            throw failure("\(name) is not hexadecimal: character \(position) is none of 0-9, a-f", remedy: write)
        }
        guard digits.count == byteCount * 2, let bytes = Hexadecimal.bytes(text) else {
            throw failure(
                "\(name) has \(digits.count) digits; \(what) wants \(byteCount * 2) (\(byteCount) bytes)", remedy: write
            )
        }
        // Digits alone, or digits around an e, are a number to YAML, and whatever rewrites the file will write another.
        if value.scalar?.style == .plain, Resolver.default.resolveTag(of: Yams.Node(text)) != .str {
            throw failure("YAML reads this \(name) as a number", remedy: "Put the digits in quotes.")
        }
        return bytes
    }
}
