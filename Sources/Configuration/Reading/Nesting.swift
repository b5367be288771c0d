/// How deep the brackets of a text are nested, found without YAML.
///
/// YAML compares every key of a mapping with its neighbours, as a whole. Of keys that are mappings with such keys it
/// takes minutes, so the depth is bounded before it begins. The count knows quotes and comments as they are usually
/// written; it need not be exact, since nothing in a configuration comes near the bound.
struct Nesting {
    /// A file of ours written as JSON has six levels.
    static let limit = 32

    private(set) var isTooDeep = false
    private var depth = 0
    /// `? key` is never closed by a bracket: all of them are counted.
    private var explicitKeys = 0
    private var quote: Unicode.Scalar?
    private var isComment = false
    private var before: Unicode.Scalar = "\n"

    mutating func advance(over scalar: Unicode.Scalar) {
        defer { before = scalar }
        let isAfterSpace = Self.isSpace(before)
        if isComment {
            isComment = scalar != "\n" && scalar != "\r"
        } else if let open = quote {
            if scalar == open && !(open == "\"" && before == "\\") { quote = nil }
        } else {
            switch scalar {
            case "[", "{": depth += 1
            case "]", "}": depth = max(0, depth - 1)
            case "#" where isAfterSpace: isComment = true
            case "\"" where isAfterSpace || "[{,:".unicodeScalars.contains(before): quote = scalar
            case "'" where isAfterSpace || "[{,:".unicodeScalars.contains(before): quote = scalar
            case _ where before == "?" && Self.isSpace(scalar): explicitKeys += 1
            default: break
            }
            isTooDeep = depth > Self.limit || explicitKeys > Self.limit
        }
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
    }
}
