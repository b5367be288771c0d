import Configuration
import Foundation
import Testing

/// Files as they lie on a disk: their mode, and what is not a configuration at all.
@Suite struct LoadTests {
    @Test func aFileForItsOwnerOnlyGetsNoWarning() throws {
        try withFile(Page.yaml, mode: 0o600) { path in
            let cluster = try ClusterConfiguration.load(path: path)
            #expect(cluster.name == "demo")
            #expect(cluster.file == path)
            #expect(cluster.warnings.isEmpty)
        }
    }

    @Test func keysThatOthersCanReadGetAWarning() throws {
        try withFile(Page.yaml, mode: 0o640) { path in
            let cluster = try ClusterConfiguration.load(path: path)
            #expect(
                cluster.warnings == [
                    "\(path): mode 0640 lets others than its owner at the keys in it. Run: chmod 600 \(path)"
                ])
        }
    }

    @Test func aFileWithoutKeysMayBeReadByAll() throws {
        let yaml = String(Page.yaml.prefix(upTo: Page.yaml.range(of: "securityAssociations:")!.lowerBound))
        try withFile(yaml, mode: 0o644) { path in
            let cluster = try ClusterConfiguration.load(path: path)
            #expect(cluster.warnings.isEmpty)
        }
    }

    @Test func theMessageNamesThePathAsItWasGiven() throws {
        try withFile("cluster: demo\nepoc: 1\n", mode: 0o600) { path in
            #expect(
                refusal(path) == "\(path):2: the configuration has an unknown key \"epoc\". Write epoch, or remove it.")
        }
    }

    @Test func aFileThatIsNotThere() {
        #expect(
            refusal("/nowhere/cluster.yaml")
                == "/nowhere/cluster.yaml: cannot be read: No such file or directory. "
                + "Name a file that exists with --config.")
    }

    /// A named pipe or a device could be read forever.
    @Test(arguments: ["/", "/dev/zero"])
    func whatIsNotAFile(path: String) {
        #expect(refusal(path) == "\(path): this is not a file. Name the YAML file itself with --config.")
    }

    @Test func aNamedPipeIsNotWaitedFor() throws {
        try withDirectory { directory in
            let path = directory.appending(path: "pipe").path
            #expect(mkfifo(path, 0o600) == 0)
            #expect(refusal(path) == "\(path): this is not a file. Name the YAML file itself with --config.")
        }
    }

    /// Sparse: nothing of it is on the disk.
    @Test func aHundredMegabytesAreNotReadToTheEnd() throws {
        try withFile("", mode: 0o600) { path in
            #expect(truncate(path, 100 << 20) == 0)
            #expect(
                refusal(path)
                    == "\(path): the file is longer than 4 MiB, which no configuration is. "
                    + "Name the YAML file of the cluster with --config.")
        }
    }

    @Test func bytesThatAreNotUTF8() throws {
        try withDirectory { directory in
            let file = directory.appending(path: "cluster.yaml")
            try Data(Array("cluster: demo\nepoch: ".utf8) + [0xFF, 0x31]).write(to: file)
            #expect(refusal(file.path) == "\(file.path):2: this is not UTF-8 text. Save the file as UTF-8.")
        }
    }

    private func refusal(_ path: String) -> String? {
        do throws(ConfigurationFailure) {
            _ = try ClusterConfiguration.load(path: path)
            return nil
        } catch {
            return error.description
        }
    }

    private func withFile(_ text: String, mode: Int, _ body: (String) throws -> Void) throws {
        try withDirectory { directory in
            let file = directory.appending(path: "cluster.yaml")
            try Data(text.utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
            try body(file.path)
        }
    }

    private func withDirectory(_ body: (URL) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(
            path: "viaduct-configuration-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory)
    }
}
