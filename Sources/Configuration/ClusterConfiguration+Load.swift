extension ClusterConfiguration {
    /// Reads and checks the file at `path`. Touches nothing else on the machine.
    public static func load(path: String) throws(ConfigurationFailure) -> ClusterConfiguration {
        let file = try ConfigurationFile(path: path)
        var configuration = try ClusterConfiguration(bytes: file.bytes, file: path)
        if !configuration.securityAssociations.isEmpty, file.permissions & 0o077 != 0 {
            let octal = String(file.permissions, radix: 8)
            configuration.warnings.append(
                "\(path): mode 0\(octal) lets others than its owner at the keys in it. Run: chmod 600 \(path)")
        }
        return configuration
    }

    init(bytes: [UInt8], file: String) throws(ConfigurationFailure) {
        guard bytes.count <= ConfigurationFile.byteLimit else { throw ConfigurationFile.tooLong(file) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFailure(
                file: file, place: Document.firstPlaceNotUTF8(in: bytes), problem: "this is not UTF-8 text",
                remedy: "Save the file as UTF-8.")
        }
        try self.init(yaml: text, file: file)
    }

    /// `file` is how messages call it.
    public init(yaml: String, file: String) throws(ConfigurationFailure) {
        try self.init(root: Document(text: yaml, file: file).root())
    }
}
