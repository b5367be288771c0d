internal import Yams

/// The text of a configuration and what YAML makes of it.
struct Document {
    let text: String
    let file: String
    /// At least 1.
    let lineCount: Int

    init(text: String, file: String) throws(ConfigurationFailure) {
        // Editors on other systems begin a file with a byte order mark; it means nothing in UTF-8.
        self.text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        self.file = file
        var lines = Lines()
        var nesting = Nesting()
        for scalar in self.text.unicodeScalars {
            guard Self.isText(scalar) else {
                let code = String(scalar.value, radix: 16, uppercase: true)
                throw ConfigurationFailure(
                    file: file, place: lines.place,
                    problem: "there is a character here that text does not hold (U+\(code))",
                    remedy: "Remove it; name the YAML file of the cluster if this is another one.")
            }
            nesting.advance(over: scalar)
            if nesting.isTooDeep {
                throw ConfigurationFailure(
                    file: file, place: lines.place, problem: Self.tooDeep.problem, remedy: Self.tooDeep.remedy)
            }
            lines.advance(over: scalar)
        }
        lineCount = lines.count
        try refuseAliases()
    }

    private static let tooDeep = (
        problem: "lists or keys are nested too deeply here", remedy: "Close the brackets; nothing needs so many."
    )

    /// The value of the whole file.
    func root() throws(ConfigurationFailure) -> Entry {
        do {
            // No resolver: a value is read as it is written, whatever type YAML would give it.
            // The encoding is stated because Yams would otherwise ask the environment, and print.
            if let node = try Yams.compose(yaml: text, .basic, .default, .utf8) {
                return Entry(node, name: "the file", example: "", document: self, keyPlace: nil)
            }
        } catch let error as YamlError {
            throw failure(error)
        } catch {
            throw failure(at: nil, "this is not YAML", "Begin with a line \"cluster: demo\".")
        }
        throw failure(at: nil, "the file is empty", "Begin with a line \"cluster: demo\".")
    }

    /// The failure points into the file even where YAML's own mark is behind its end.
    func failure(at place: Place?, _ problem: String, _ remedy: String) -> ConfigurationFailure {
        let line = min(max(place?.line ?? 1, 1), lineCount)
        return ConfigurationFailure(
            file: file, place: Place(line: line, column: max(place?.column ?? 1, 1)), problem: problem, remedy: remedy)
    }

    private func failure(_ error: YamlError) -> ConfigurationFailure {
        let remedy = "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."
        switch error {
        case .parser(_, let problem, let mark, _) where problem.contains("nesting level"):
            return failure(at: Place(mark), Self.tooDeep.problem, Self.tooDeep.remedy)
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            var text = problem
            if let context, let place = Place(context.mark) {
                let begin = context.text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
                if !begin.isEmpty { text += " (\(begin) that begins in line \(min(place.line, lineCount)))" }
            }
            return failure(at: Place(mark), "this is not YAML: \(text)", remedy)
        case .composer(_, let problem, let mark, _) where problem.contains("alias"):
            return failure(at: Place(mark), "aliases (*name) are not supported", "Write the value itself here.")
        case .composer(_, _, let mark, _):
            return failure(at: Place(mark), "a second YAML document begins here", "Keep one document in the file.")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let key = duplicates.first.map(quoted) ?? "a key"
            return failure(
                at: Place(context.mark), "\(key) stands here and again further down", "Keep one of the two.")
        default:
            return failure(at: nil, "this is not YAML", "Begin with a line \"cluster: demo\".")
        }
    }

    /// An alias repeats a whole value, and a few lines of aliases to aliases are more than any memory holds. Nothing
    /// here needs them, so they are refused before YAML expands one: an `&name` followed somewhere by `*name`.
    private func refuseAliases() throws(ConfigurationFailure) {
        var anchors: Set<String> = []
        var lines = Lines()
        var before: Unicode.Scalar = "\n"
        let scalars = text.unicodeScalars
        for index in scalars.indices {
            let scalar = scalars[index]
            if scalar == "&" || scalar == "*", !Self.isNamePart(before) {
                let name = String(
                    String.UnicodeScalarView(scalars[scalars.index(after: index)...].prefix(while: Self.isNamePart)))
                if scalar == "&" {
                    anchors.insert(name)
                } else if !name.isEmpty, anchors.contains(name) {
                    throw failure(
                        at: lines.place, "aliases (*\(name)) are not supported", "Write the value itself here.")
                }
            }
            before = scalar
            lines.advance(over: scalar)
        }
    }

    /// What YAML lets stand in the name of an anchor.
    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }

    /// Printable, or the end of a line as an editor knows it.
    private static func isText(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD: true
        case 0x10000...0x10FFFF: true
        default: false
        }
    }

    static func firstPlaceNotUTF8(in bytes: [UInt8]) -> Place {
        var lines = Lines()
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { lines.advance(over: scalar) }
        return lines.place
    }
}

/// Counts lines as YAML does: they end in LF, CR or both.
struct Lines {
    var place = Place(line: 1, column: 1)
    private var isAfterCR = false

    /// Lines of the text so far; what follows its last line break counts only when it is something.
    var count: Int { place.column == 1 && place.line > 1 ? place.line - 1 : place.line }

    mutating func advance(over scalar: Unicode.Scalar) {
        defer { isAfterCR = scalar == "\r" }
        if scalar == "\n" && isAfterCR { return }
        if scalar == "\n" || scalar == "\r" {
            place = Place(line: place.line + 1, column: 1)
        } else {
            place.column += 1
        }
    }
}

extension Place {
    init?(_ mark: Mark?) {
        guard let mark else { return nil }
        self.init(line: mark.line, column: mark.column)
    }
}
