import Associations
import Configuration
import Foundation
import Testing

/// The files with keys that a configuration names, and who needs them.
@Suite struct KeyFileTests {
    static let path = "/etc/viaduct/cluster.key"
    static let make =
        "Run \"openssl rand -hex 32 > \(path); chmod 600 \(path)\", and give every router and target the same file."
    /// The shared key in a file of its own; the second connection has a private key.
    static let yaml = Edit.applying(
        IKEAuthenticationRuleTests.sharedKey, "      presharedKeyFile: /etc/viaduct/branch.psk #", to: Page.withIKE)

    @Test(arguments: [
        (nil, "\(path) cannot be read: No such file or directory. \(make)"),
        ("", "\(path) does not hold 64 hexadecimal digits (32 bytes). \(make)"),
        (String(repeating: "5e", count: 31), "\(path) does not hold 64 hexadecimal digits (32 bytes). \(make)"),
        (String(repeating: "5e", count: 33), "\(path) does not hold 64 hexadecimal digits (32 bytes). \(make)"),
        (String(repeating: "5x", count: 32), "\(path) does not hold 64 hexadecimal digits (32 bytes). \(make)"),
        (String(repeating: "5e", count: 3000), "\(path) is longer than 4096 bytes, which no key is. \(make)"),
    ])
    func aClusterKeyThatIsNone(contents: String?, expected: String) {
        var files = HeldFiles()
        files[Self.path] = contents
        #expect(message(Self.yaml, files: files) == "cluster.yaml:53: \(expected)")
    }

    @Test(arguments: ["", "\n", "\r\n", "\n\n"])
    func theEndOfALineIsNotPartOfAKey(end: String) throws {
        var files = HeldFiles()
        files[Self.path] = HeldFiles.clusterKey + end
        files["/etc/viaduct/branch.psk"] = " with spaces around " + end
        let cluster = try cluster(files)
        #expect(cluster.clusterKey?.count == 32)
        guard case .presharedKey(let key) = try #require(cluster.ike).connections[0].credential else {
            Issue.record("no shared key")
            return
        }
        #expect(key.withUnsafeBytes { Array($0) } == Array(" with spaces around ".utf8))
    }

    @Test(arguments: [
        (nil, "cannot be read: No such file or directory"), ("\n", "is empty"),
        (String(repeating: "x", count: 4097), "is longer than 4096 bytes, which no key is"),
    ])
    func aSharedKeyThatIsNone(contents: String?, problem: String) {
        var files = HeldFiles()
        let path = "/etc/viaduct/branch.psk"
        files[path] = contents
        #expect(
            message(Self.yaml, files: files)
                == "cluster.yaml:69: \(path) \(problem). "
                + "Run \"openssl rand -base64 24 > \(path); chmod 600 \(path)\", and tell the peer what is in it.")
    }

    @Test func aSharedKeyThatIsNoText() {
        var files = HeldFiles()
        files.contents["/etc/viaduct/branch.psk"] = FileContents(bytes: [0xFF, 0x31], permissions: 0o600)
        #expect(message(Self.yaml, files: files)?.contains(": /etc/viaduct/branch.psk does not hold text. ") == true)
    }

    @Test func keysThatOthersCanReadGetAWarning() throws {
        var files = HeldFiles()
        files["/etc/viaduct/gw.key"] = "PEM"
        #expect(try cluster(files).warnings.isEmpty)
        for path in files.contents.keys { files.contents[path]?.permissions = 0o640 }
        let paths = [Self.path, "/etc/viaduct/branch.psk", "/etc/viaduct/gw.key"]
        #expect(
            try cluster(files).warnings
                == paths.map {
                    "\($0): mode 0640 lets others than its owner at the key in it. Run: chmod 600 \($0)"
                })
        // A target has neither of the last two.
        #expect(try cluster(files, for: "t1").warnings.count == 1)
    }

    @Test func shortSecretsGetAWarning() throws {
        var files = HeldFiles()
        files["/etc/viaduct/branch.psk"] = "fifteen bytes !"
        let yaml = Edit.applying(
            IKEAuthenticationRuleTests.ppk, "secret: \"0x\(String(repeating: "5e", count: 31))\"", to: Self.yaml)
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: files.reader)
        #expect(
            cluster.warnings == [
                "cluster.yaml:69: /etc/viaduct/branch.psk of connection \"branch\" has 15 bytes, and a short secret can "
                    + "be guessed. Take at least 16 random ones: openssl rand -hex 16",
                "cluster.yaml:70: secret of ppk of connection \"branch\" has 31 bytes, and a short secret can "
                    + "be guessed. Take at least 32 random ones: openssl rand -hex 32",
            ])
    }

    /// A target wraps and unwraps; only a router authenticates. Neither has the files of the other's work, and the
    /// other half of manual SAs has none at all.
    @Test func aNodeNeedsItsOwnKeysOnly() throws {
        var files = HeldFiles()
        #expect(try cluster(files, for: "router1").ike?.connections.count == 2)
        files["/etc/viaduct/branch.psk"] = nil
        let target = try cluster(files, for: "t1")
        #expect(target.clusterKey?.count == 32)
        #expect(target.link?.port == 4520)
        #expect(target.ike?.connections.isEmpty == true)
        #expect(throws: ConfigurationFailure.self) { try cluster(files, for: "router1") }
        files[Self.path] = nil
        #expect(try cluster(files, for: "client").clusterKey == nil)
        #expect(throws: ConfigurationFailure.self) { try cluster(files, for: "t1") }
        let unknown = #expect(throws: ConfigurationFailure.self) { try cluster(files, for: "t9") }
        #expect(unknown?.problem == "there is no node \"t9\"")
    }

    /// The SAs end with the router, so it need not remember their numbers.
    @Test func aRouterWithIKEAloneNeedsNoStateDirectory() throws {
        let manual = Page.withIKE.firstRange(of: "securityAssociations:")!.lowerBound
        let ike = Page.withIKE.firstRange(of: "clusterKey:")!.lowerBound
        var yaml = Edit.applying("stateDirectory: /var/lib/viaduct", "#", to: Page.withIKE)
        yaml = Edit.applying(String(Page.withIKE[manual..<ike]), "", to: yaml)
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: HeldFiles().reader)
        #expect(cluster.securityAssociations.isEmpty)
        for name in ["router1", "t1"] { try cluster.requireRunnable(node: cluster.node(named: name)) }
    }

    @Test func filesOnADisk() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "viaduct-keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        func write(_ name: String, _ text: String, mode: Int) throws -> String {
            let path = directory.appending(path: name).path
            try Data(text.utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            return path
        }
        let clusterKey = try write("cluster.key", HeldFiles.clusterKey + "\n", mode: 0o600)
        let sharedKey = try write("branch.psk", "a secret of at least 16 bytes\n", mode: 0o604)
        let privateKey = try write("gw.key", "PEM", mode: 0o660)
        let yaml = Self.yaml.replacing("/etc/viaduct", with: directory.path)
        let path = try write("cluster.yaml", yaml, mode: 0o644)
        let cluster = try ClusterConfiguration.load(path: path, for: "router1")
        #expect(cluster.clusterKey?.count == 32)
        #expect(
            cluster.warnings == [
                "\(sharedKey): mode 0604 lets others than its owner at the key in it. Run: chmod 600 \(sharedKey)",
                "\(privateKey): mode 0660 lets others than its owner at the key in it. Run: chmod 600 \(privateKey)",
                "\(path): mode 0644 lets others than its owner at the keys in it. Run: chmod 600 \(path)",
            ])
        try FileManager.default.removeItem(atPath: clusterKey)
        try FileManager.default.createDirectory(atPath: clusterKey, withIntermediateDirectories: false)
        let failure = #expect(throws: ConfigurationFailure.self) { try ClusterConfiguration.load(path: path) }
        #expect(failure?.problem == "\(clusterKey) is not a file")
    }

    private func cluster(_ files: HeldFiles, for node: String? = nil) throws -> ClusterConfiguration {
        try ClusterConfiguration(yaml: Self.yaml, file: "cluster.yaml", files: files.reader, for: node)
    }
}
