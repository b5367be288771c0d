internal import Yams

/// One value of the file: where it stands, what it is called, and an example of how it is written.
struct Entry {
    let value: Yams.Node
    /// What messages call it: its key, or that of the list it is in.
    let name: String
    /// A value that would be right, as it is written behind the key.
    let example: String
    let document: Document
    let place: Place
    /// Of the key before it; that of the value where there is none.
    let keyPlace: Place
    /// `is`, or `holds` for one of a list: "ports holds 0".
    let verb: String

    init(
        _ value: Yams.Node, name: String, example: String, document: Document, keyPlace: Place?, isElement: Bool = false
    ) {
        self.value = value
        self.name = name
        self.example = example
        self.document = document
        place = Place(value.mark) ?? keyPlace ?? Place(line: 1, column: 1)
        self.keyPlace = keyPlace ?? place
        verb = isElement ? "holds" : "is"
    }

    /// Without a remedy of its own the example is it.
    func failure(_ problem: String, remedy: String? = nil) -> ConfigurationFailure {
        let key = example.isEmpty ? "Begin with a line \"cluster: demo\"." : "Write \(name): \(example)."
        return document.failure(at: place, problem, remedy ?? key)
    }

    /// Says what it holds instead of what is wanted. Must not be asked about a key or a salt.
    func failure(wanted: String) -> ConfigurationFailure {
        switch value {
        case .scalar where isNothing:
            failure("\(name) \(verb == "is" ? "has no value" : "holds nothing"); \(wanted) is wanted")
        case .scalar(let scalar): failure("\(name) \(verb) \(quoted(scalar.string)); \(wanted) is wanted")
        case .mapping: failure("\(name) holds keys; \(wanted) is wanted")
        case .sequence: failure("\(name) \(verb) a list; \(wanted) is wanted")
        case .alias: failure("\(name) \(verb) an alias; \(wanted) is wanted")
        }
    }

    /// Written as nothing at all, or as YAML's null.
    var isNothing: Bool {
        guard let scalar = value.scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// A single value exactly as it is written; nil for nothing, for a list and for keys.
    func scalar() throws(ConfigurationFailure) -> String? {
        try refuseTag()
        guard let scalar = value.scalar, !isNothing else { return nil }
        return scalar.string
    }

    var isList: Bool {
        if case .sequence = value { true } else { false }
    }

    /// A list, perhaps an empty one. Its elements are called what it is called.
    func list() throws(ConfigurationFailure) -> [Entry] {
        try refuseTag()
        guard case .sequence(let elements) = value else { throw failure(wanted: "a list") }
        return elements.map {
            Entry($0, name: name, example: example, document: document, keyPlace: nil, isElement: true)
        }
    }

    /// A list of what `read` makes of each element.
    func list<Element>(
        _ read: (Entry) throws(ConfigurationFailure) -> Element
    ) throws(ConfigurationFailure) -> [Element] {
        var result: [Element] = []
        for entry in try list() { result.append(try read(entry)) }
        return result
    }

    /// As `list`, but refuses an empty one and one that names a thing twice.
    func distinctList<Element: Hashable>(
        _ read: (Entry) throws(ConfigurationFailure) -> Element
    ) throws(ConfigurationFailure) -> [Element] {
        var seen: Set<Element> = []
        let result = try list { entry throws(ConfigurationFailure) in
            let element = try read(entry)
            guard seen.insert(element).inserted else {
                throw entry.failure(
                    "\(name) holds \(quoted(entry.value.scalar?.string ?? "")) twice", remedy: "Remove one.")
            }
            return element
        }
        if result.isEmpty { throw failure("\(name) is an empty list") }
        return result
    }

    /// A tag asks for a type of somebody's own, and we know none.
    func refuseTag() throws(ConfigurationFailure) {
        let tag = value.tag.rawValue
        if ![Tag.Name.str, .seq, .map].contains(where: { $0.rawValue == tag }) {
            throw failure("\(name) bears the YAML tag \(quoted(tag))", remedy: "Write the value without a tag.")
        }
    }
}
