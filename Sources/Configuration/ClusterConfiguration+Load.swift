extension ClusterConfiguration {
    /// Reads and checks the file at `path` and the key files it names. Touches nothing else on the machine.
    public static func load(path: String) throws(ConfigurationFailure) -> ClusterConfiguration {
        let file = try ConfigurationFile.contents(path: path)
        var configuration = try ClusterConfiguration(bytes: file.bytes, file: path, files: .disk)
        if configuration.holdsSecrets, !file.isPrivate {
            configuration.warnings.append(file.permissionsWarning(path: path, holding: "keys"))
        }
        return configuration
    }

    init(bytes: [UInt8], file: String, files: FileReader = .disk) throws(ConfigurationFailure) {
        guard bytes.count <= ConfigurationFile.byteLimit else { throw ConfigurationFile.failure(file, .tooLong) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFailure(
                file: file, place: Document.firstPlaceNotUTF8(in: bytes), problem: "this is not UTF-8 text",
                remedy: "Save the file as UTF-8.")
        }
        try self.init(yaml: text, file: file, files: files)
    }

    /// `file` is how messages call it, `files` how those are read that it names.
    public init(yaml: String, file: String, files: FileReader = .disk) throws(ConfigurationFailure) {
        try self.init(root: Document(text: yaml, file: file).root(), files: files)
    }
}
