internal import Associations
internal import Wire
internal import Yams

/// Reads secrets, from the configuration and from the files it names, and keeps what is to be said of them. No message
/// holds a byte of one, nor of what stands where a path should: it may be the secret itself.
struct Secrets {
    /// Bytes of a key file; a longer one is something else.
    static let fileByteLimit = 4096
    static let clusterKeyByteCount = 32

    /// One sentence each.
    private(set) var warnings: [String] = []
    /// Whether one was in the configuration itself.
    private(set) var standInConfiguration = false
    let need: SecretNeed
    private let files: FileReader

    init(files: FileReader, need: SecretNeed) {
        self.files = files
        self.need = need
    }

    /// Of a file with 64 hexadecimal digits; nil where it is not needed.
    mutating func clusterKey(_ entry: Entry) throws(ConfigurationFailure) -> SecretBytes? {
        let path = try entry.secretPath()
        guard need.hasClusterKey else { return nil }
        let make =
            "Run \"openssl rand -hex 32 > \(path); chmod 600 \(path)\", and give every router and target the same file."
        let text = try fileText(entry, path: path, remedy: make)
        guard let bytes = Hexadecimal.bytes(text), bytes.count == Self.clusterKeyByteCount else {
            throw entry.failure(
                "\(path) does not hold 64 hexadecimal digits (\(Self.clusterKeyByteCount) bytes)", remedy: make)
        }
        return SecretBytes(bytes)
    }

    /// As `clusterKey`, several; empty where they are not needed.
    mutating func formerClusterKeys(_ entry: Entry) throws(ConfigurationFailure) -> [SecretBytes] {
        var keys: [SecretBytes] = []
        for file in try entry.list() {
            if let key = try clusterKey(file) { keys.append(key) }
        }
        return keys
    }

    /// What is not secret is said by who reads the configuration.
    mutating func warn(_ warning: String) { warnings.append(warning) }

    /// Text, or hexadecimal digits behind 0x. `wantedByteCount`: of a shorter one a warning says that it can be
    /// guessed. `title` is whose it is.
    mutating func secret(
        _ entry: Entry, of title: String, wantedByteCount: Int
    ) throws(ConfigurationFailure) -> SecretBytes {
        standInConfiguration = true
        return try bytes(
            of: entry.secretText(), in: entry, called: "\(entry.name) of \(title)", wantedByteCount: wantedByteCount)
    }

    /// As `secret`, in a file of its own; the line break at its end does not count. Empty where it is not needed: the
    /// connection is left out there.
    mutating func secretFile(
        _ entry: Entry, of title: String, wantedByteCount: Int
    ) throws(ConfigurationFailure) -> SecretBytes {
        let path = try entry.secretPath()
        guard need.hasCredentials else { return SecretBytes([]) }
        let make =
            "Run \"openssl rand -base64 24 > \(path); chmod 600 \(path)\", and tell the peer what is in it."
        let text = try fileText(entry, path: path, remedy: make)
        if text.isEmpty { throw entry.failure("\(path) is empty", remedy: make) }
        return try bytes(of: text, in: entry, called: "\(path) of \(title)", wantedByteCount: wantedByteCount)
    }

    /// Of a private key, which the program reads. Only its mode is looked at, and only if it is there.
    mutating func privateKeyPath(_ entry: Entry) throws(ConfigurationFailure) -> String {
        let path = try entry.secretPath()
        if need.hasCredentials, let permissions = files.permissions(path) {
            warnOfReaders(path: path, permissions: permissions)
        }
        return path
    }

    private mutating func warnOfReaders(path: String, permissions: UInt32) {
        guard let warning = permissionsWarning(path: path, permissions: permissions, holding: "key"),
            !warnings.contains(warning)
        else { return }
        warnings.append(warning)
    }

    private mutating func bytes(
        of text: String, in entry: Entry, called what: String, wantedByteCount: Int
    ) throws(ConfigurationFailure) -> SecretBytes {
        var bytes = Array(text.utf8)
        if text.hasPrefix("0x") {
            guard let decoded = Hexadecimal.bytes(text), !decoded.isEmpty else {
                throw entry.failure(
                    "\(what) begins with 0x, but an even number of hexadecimal digits does not follow",
                    remedy: "Write two digits, 0-9 and a-f, for each byte.")
            }
            bytes = decoded
        }
        if bytes.count < wantedByteCount {
            warnings.append(
                "\(entry.document.file):\(entry.place.line): \(what) has \(bytes.count) bytes, and a short secret can "
                    + "be guessed. Take at least \(wantedByteCount) random ones: openssl rand -hex \(wantedByteCount)")
        }
        return SecretBytes(bytes)
    }

    /// Without the line break at its end.
    private mutating func fileText(
        _ entry: Entry, path: String, remedy: String
    ) throws(ConfigurationFailure) -> String {
        let contents: FileContents
        do {
            contents = try files.read(path, Self.fileByteLimit)
        } catch {
            switch error {
            case .missing(let reason): throw entry.failure("\(path) cannot be read: \(reason)", remedy: remedy)
            case .unreadable(let reason):
                throw entry.failure(
                    "\(path) cannot be read: \(reason)", remedy: "Let the user who runs viaduct read the file.")
            case .notAFile: throw entry.failure("\(path) is not a file", remedy: remedy)
            case .tooLong:
                throw entry.failure(
                    "\(path) is longer than \(Self.fileByteLimit) bytes, which no key is", remedy: remedy)
            }
        }
        warnOfReaders(path: path, permissions: contents.permissions)
        guard let text = String(validating: contents.bytes, as: UTF8.self) else {
            throw entry.failure("\(path) does not hold text", remedy: remedy)
        }
        return String(text.reversed().drop(while: \.isNewline).reversed())
    }
}

extension Entry {
    /// An absolute path. What stands there instead is not shown.
    fileprivate func secretPath() throws(ConfigurationFailure) -> String {
        guard let path = try scalar(), path.hasPrefix("/"), path.utf8.count <= 4000,
            path.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw failure("\(name) is not an absolute path") }
        return path
    }

    /// A text that every reader of YAML takes for the same. What it is is not shown.
    fileprivate func secretText() throws(ConfigurationFailure) -> String {
        guard let text = try scalar(), !text.isEmpty else { throw failure("\(name) is not a text") }
        if value.scalar?.style == .plain, Resolver.default.resolveTag(of: Yams.Node(text)) != .str {
            throw failure("YAML reads this \(name) as something else than text", remedy: "Put it in quotes.")
        }
        guard text.utf8.count <= Secrets.fileByteLimit else {
            throw failure("\(name) is longer than \(Secrets.fileByteLimit) bytes, which no key is")
        }
        return text
    }
}
