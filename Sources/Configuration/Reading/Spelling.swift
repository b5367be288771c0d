/// What somebody may have meant.
enum Spelling {
    /// The word that takes the fewest edits; nil when that is more than a third of its letters, or two. A word that was
    /// cut off after three letters or more is taken for the whole.
    static func nearest(to word: String, among known: [String]) -> String? {
        // Nobody means a key of ours by something so long, and the table below grows with the length.
        guard word.utf8.count <= 64 else { return nil }
        if word.count >= 3, let whole = known.first(where: { $0.lowercased().hasPrefix(word.lowercased()) }) {
            return whole
        }
        let ranked = known.map { (word: $0, edits: edits(from: word.lowercased(), to: $0.lowercased())) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }), best.edits <= max(2, best.word.count / 3),
            best.edits < best.word.count
        else { return nil }
        return best.word
    }

    /// Levenshtein's distance: insertions, deletions and replacements of single characters.
    static func edits(from source: String, to target: String) -> Int {
        let target = Array(target)
        var row = Array(0...target.count)
        for (index, character) in source.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in target.indices {
                let replaced = diagonal + (target[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[target.count]
    }
}

/// The words that there are, as far as a message can hold them.
func listed(_ words: [String]) -> String {
    words.prefix(12).joined(separator: ", ") + (words.count > 12 ? " and \(words.count - 12) more" : "")
}

/// `text` in quotes, on one line and not too long, as a message shows what a file holds.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(60).map { scalar in
        scalar.properties.generalCategory == .control || scalar == "\"" || scalar == "\\"
            ? scalar.escaped(asASCII: false) : String(scalar)
    }
    return "\"" + shown.joined() + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
}
