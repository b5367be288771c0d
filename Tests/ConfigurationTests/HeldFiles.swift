import Configuration

/// Files that a configuration names, without a disk: by path, with their mode.
struct HeldFiles: Sendable {
    static let clusterKey = String(repeating: "0123456789abcdef", count: 4)

    var contents: [String: FileContents] = [:]

    /// Those that the page and the examples of messages name.
    init() {
        self["/etc/viaduct/cluster.key"] = Self.clusterKey + "\n"
        self["/etc/viaduct/former.key"] = String(Self.clusterKey.reversed())
        self["/etc/viaduct/branch.psk"] = "a secret of at least 16 bytes\n"
    }

    /// Mode 0600.
    subscript(path: String) -> String? {
        get { contents[path].map { String(decoding: $0.bytes, as: UTF8.self) } }
        set { contents[path] = newValue.map { FileContents(bytes: Array($0.utf8), permissions: 0o600) } }
    }

    var reader: FileReader {
        FileReader(
            read: { [contents] path, byteLimit throws(FileFault) in
                guard let found = contents[path] else { throw .missing("No such file or directory") }
                guard found.bytes.count <= byteLimit else { throw .tooLong }
                return found
            }, permissions: { [contents] in contents[$0]?.permissions })
    }
}
