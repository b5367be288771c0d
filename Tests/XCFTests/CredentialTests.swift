import Associations
import Commands
import Foundation
import Testing
import X509

@testable import XCF

/// What `viaduct cluster init` makes, and what is said of files that are not right.
@Suite struct CredentialTests {
    private func permissions(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func problem(_ cluster: TestLink, _ node: String = "t1", at seconds: Int64? = nil) -> String? {
        do throws(LinkCredentialFault) {
            _ = try LinkCredentials(directory: cluster.folder.path, node: node, at: seconds)
            return nil
        } catch {
            // The folder's name is a test's own.
            return "\(error)".replacingOccurrences(of: cluster.folder.path, with: "DIR")
        }
    }

    @Test func opensslAgreesWithWhatWasMade() throws {
        let cluster = try TestLink(["t1", "t2"])
        for node in ["router1", "t1", "t2"] {
            for purpose in ["sslclient", "sslserver"] {
                try run(
                    "openssl", "verify", "-x509_strict", "-CAfile", cluster.folder.file("ca.pem"), "-purpose", purpose,
                    "-verify_hostname", node, cluster.folder.file("\(node).pem"))
            }
            #expect(try permissions(cluster.folder.file("\(node).key")) == 0o600)
            #expect(problem(cluster, node) == nil)
        }
        #expect(try permissions(cluster.folder.file("ca.key")) == 0o600)
        #expect(try permissions(cluster.folder.file("cluster.key")) == 0o600)
        let key = try String(contentsOfFile: cluster.folder.file("cluster.key"), encoding: .utf8)
        #expect(key.count == 65 && key.dropLast().allSatisfy { $0.isHexDigit })
    }

    @Test func nothingIsOverwritten() throws {
        let cluster = try TestLink()
        let before = try FileManager.default.contentsOfDirectory(atPath: cluster.folder.path).sorted()
        let contents = try before.map { try Data(contentsOf: URL(filePath: cluster.folder.file($0))) }
        let files = ClusterFiles(directory: cluster.folder.path, cluster: "test", nodes: ["router1", "t1", "t2"])
        #expect(throws: LinkCredentialFault.self) { try files.make() }
        // Nothing but what lacks is made, by the authority that is there.
        let made = try files.add()
        #expect(made.map(\.path) == [cluster.folder.file("t2.key"), cluster.folder.file("t2.pem")])
        #expect(try before.map { try Data(contentsOf: URL(filePath: cluster.folder.file($0))) } == contents)
        #expect(problem(cluster, "t2") == nil)
        #expect(try files.add().isEmpty)
    }

    @Test func aClustersKeyThatIsThereStays() throws {
        let folder = try Folder()
        try "old".write(toFile: folder.file("cluster.key"), atomically: false, encoding: .utf8)
        let made = try ClusterFiles(directory: folder.path, cluster: "test", nodes: ["r"]).make()
        #expect(made.count == 4)
        #expect(try String(contentsOfFile: folder.file("cluster.key"), encoding: .utf8) == "old")
    }

    @Test func halfAPairIsNotCompleted() throws {
        let cluster = try TestLink()
        try FileManager.default.removeItem(atPath: cluster.folder.file("t1.pem"))
        let files = ClusterFiles(directory: cluster.folder.path, cluster: "test", nodes: ["router1", "t1"])
        #expect(throws: LinkCredentialFault.self) { try files.add() }
    }

    @Test func withoutItsAuthorityNothingIsAdded() throws {
        let (cluster, other) = (try TestLink(), try TestLink())
        try FileManager.default.removeItem(atPath: cluster.folder.file("ca.key"))
        let files = ClusterFiles(directory: cluster.folder.path, cluster: "test", nodes: ["t2"])
        #expect(throws: LinkCredentialFault.self) { try files.add() }
        try FileManager.default.copyItem(atPath: other.folder.file("ca.key"), toPath: cluster.folder.file("ca.key"))
        #expect(throws: LinkCredentialFault.self) { try files.add() }
    }

    @Test func eachFaultOfAFileIsNamed() throws {
        let (cluster, other) = (try TestLink(["t1", "t2"]), try TestLink())
        func file(_ name: String) -> String { cluster.folder.file(name) }
        func replace(_ name: String, by path: String) throws {
            try? FileManager.default.removeItem(atPath: file(name))
            try FileManager.default.copyItem(atPath: path, toPath: file(name))
        }
        #expect(problem(cluster) == nil)
        #expect(
            problem(cluster, "t3")
                == "DIR/t3.pem: cannot be read: No such file or directory. Make it by viaduct cluster init, and let viaduct's user read it."
        )
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file("t1.key"))
        #expect(
            problem(cluster)
                == "DIR/t1.key: mode 0640 lets others than its owner read it. Run: chmod 600 DIR/t1.key")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file("t1.key"))

        let years: Int64 = 20 * 365 * 86_400
        let now = Int64(Date().timeIntervalSince1970)
        #expect(problem(cluster, at: now + years)?.contains("t1.pem: it expired on ") == true)
        #expect(problem(cluster, at: now - years)?.contains("t1.pem: it is not valid before ") == true)

        let keep = try Folder()
        try FileManager.default.copyItem(atPath: file("t1.key"), toPath: keep.file("t1.key"))
        try replace("t1.key", by: file("t2.key"))
        #expect(problem(cluster)?.hasPrefix("DIR/t1.key: it is not the key of DIR/t1.pem.") == true)
        try replace("t1.key", by: file("t1.pem"))
        #expect(problem(cluster) != nil)
        try replace("t1.key", by: keep.file("t1.key"))

        try FileManager.default.copyItem(atPath: file("t1.pem"), toPath: file("t4.pem"))
        try FileManager.default.copyItem(atPath: file("t1.key"), toPath: file("t4.key"))
        #expect(problem(cluster, "t4")?.hasPrefix("DIR/t4.pem: it is the certificate of t1, not of t4.") == true)

        try FileManager.default.copyItem(atPath: file("ca.pem"), toPath: keep.file("ca.pem"))
        try replace("ca.pem", by: other.folder.file("ca.pem"))
        #expect(problem(cluster)?.hasPrefix("DIR/t1.pem: it does not come from DIR/ca.pem.") == true)
        try replace("ca.pem", by: keep.file("t1.key"))
        #expect(problem(cluster)?.hasPrefix("DIR/ca.pem: it holds no certificate in PEM") == true)
    }
}
