internal import Yams

/// Keys and their values, of which every key is known and none stands twice.
struct Section {
    let form: Form
    /// How messages call it: `node "t1"`.
    let title: String
    /// Where a message about a missing key points to.
    let place: Place
    private let document: Document
    private let entries: [String: Entry]

    /// The value for `key`; nil when it is not there. Traps when the form does not know the key.
    subscript(key: String) -> Entry? {
        precondition(form.knows(key))
        return entries[key]
    }

    /// Throws when the key is not there.
    func required(_ key: String) throws(ConfigurationFailure) -> Entry {
        if let entry = self[key] { return entry }
        throw document.failure(at: place, "\(title) has no \(key)", "Add \(key): \(form.example(of: key)).")
    }

    /// For what is wrong with the section as a whole.
    func failure(_ problem: String, remedy: String) -> ConfigurationFailure {
        document.failure(at: place, problem, remedy)
    }

    init(_ entry: Entry, form: Form, title: String) throws(ConfigurationFailure) {
        var entries: [String: Entry] = [:]
        for keyed in try entry.keyedValues(wanted: form.keyList) {
            guard form.knows(keyed.name) else {
                let nearest = Spelling.nearest(to: keyed.name, among: form.keys)
                throw entry.document.failure(
                    at: keyed.keyPlace, "\(title) has an unknown key \(quoted(form.shown(keyed.name)))",
                    nearest.map { "Write \($0), or remove it." } ?? "Remove it; the keys here are \(form.keyList).")
            }
            entries[keyed.name] = Entry(
                keyed.value, name: keyed.name, example: form.example(of: keyed.name), document: entry.document,
                keyPlace: keyed.keyPlace)
        }
        self.entries = entries
        self.form = form
        self.title = title
        place = entry.keyPlace
        document = entry.document
    }
}

extension Entry {
    /// The values under their keys, in the order of the file, each called by its key. `wanted` is what keys there are.
    func keyedValues(wanted: String) throws(ConfigurationFailure) -> [Entry] {
        try refuseTag()
        guard case .mapping(let pairs) = value else {
            // What stands here instead is not shown: of a wrong file it may be anything.
            let found = isNothing ? "nothing" : value.scalar == nil ? "a list" : "a single value"
            throw failure("\(name) \(verb) \(found); keys are wanted (\(wanted))")
        }
        var seen: [String: Place] = [:]
        var values: [Entry] = []
        for (key, value) in pairs {
            let keyEntry = Entry(key, name: "a key", example: "value", document: document, keyPlace: nil)
            guard let text = try keyEntry.scalar() else {
                throw keyEntry.failure("a key of \(name) is not a text", remedy: "The keys here are \(wanted).")
            }
            if let first = seen.updateValue(keyEntry.place, forKey: text) {
                throw keyEntry.failure(
                    "\(quoted(text)) stands in line \(first.line) already", remedy: "Keep one of the two.")
            }
            values.append(Entry(value, name: text, example: example, document: document, keyPlace: keyEntry.place))
        }
        return values
    }
}
