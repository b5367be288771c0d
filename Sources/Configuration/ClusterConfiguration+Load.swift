extension ClusterConfiguration {
    /// Reads and checks the file at `path` and the key files it names. Touches nothing else on the machine.
    ///
    /// With `node`, the name of one, only those key files are read that it needs: a router all, a target the cluster's
    /// key, an endpoint none. What is not read is left out, `clusterKey` and the connections of `ike`. Throws when there
    /// is no such node.
    public static func load(path: String, for node: String? = nil) throws(ConfigurationFailure) -> ClusterConfiguration
    {
        let file = try ConfigurationFile.contents(path: path)
        var configuration = try ClusterConfiguration(bytes: file.bytes, file: path, files: .disk, node: node)
        if configuration.holdsSecrets,
            let warning = permissionsWarning(path: path, permissions: file.permissions, holding: "keys")
        {
            configuration.warnings.append(warning)
        }
        return configuration
    }

    /// Without any key file: for who makes them.
    public static func loadWithoutSecrets(path: String) throws(ConfigurationFailure) -> ClusterConfiguration {
        let file = try ConfigurationFile.contents(path: path)
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            return try ClusterConfiguration(bytes: file.bytes, file: path)
        }
        return try ClusterConfiguration(root: Document(text: text, file: path).root(), files: .disk, node: "")
    }

    init(
        bytes: [UInt8], file: String, files: FileReader = .disk, node: String? = nil
    ) throws(ConfigurationFailure) {
        guard bytes.count <= ConfigurationFile.byteLimit else { throw ConfigurationFile.failure(file, .tooLong) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFailure(
                file: file, place: Document.firstPlaceNotUTF8(in: bytes), problem: "this is not UTF-8 text",
                remedy: "Save the file as UTF-8.")
        }
        try self.init(yaml: text, file: file, files: files, for: node)
    }

    /// `file` is how messages call it, `files` how those are read that it names, `node` as in `load`.
    public init(
        yaml: String, file: String, files: FileReader = .disk, for node: String? = nil
    ) throws(ConfigurationFailure) {
        try self.init(root: Document(text: yaml, file: file).root(), files: files, node: node)
        if let node { _ = try self.node(named: node) }
    }
}
