import ArgumentParser
import Associations
import Configuration
import Foundation
import Testing

@testable import viaduct

/// From a configuration whose key files are not there yet to a cluster's first files.
@Suite struct ClusterCommandTests {
    private static let yaml = """
        cluster: demo
        clusterKey: FOLDER/cluster.key
        nodes:
          router1: {role: router}
          t1: {role: target, trustedAddress: 192.0.2.11}
          client: {role: endpoint}
        dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
        """

    @Test func initMakesWhatTheFileNeedsAndTheFileIsRightAfterwards() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "viaduct-init-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/cluster.yaml"
        try Self.yaml.replacingOccurrences(of: "FOLDER", with: folder + "/link").write(
            toFile: file, atomically: false, encoding: .utf8)
        #expect(throws: ConfigurationFailure.self) { try ClusterConfiguration.load(path: file) }

        try ClusterInitCommand.parse(["--config", file, "--directory", folder + "/link"]).run()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder + "/link").sorted() == [
                "ca.key", "ca.pem", "cluster.key", "router1.key", "router1.pem", "t1.key", "t1.pem",
            ])
        let cluster = try ClusterConfiguration.load(path: file)
        #expect(cluster.clusterKey?.count == 32)
        #expect(cluster.policyHash.count == 32)
        // A second time it refuses, and adds nothing when nothing lacks.
        #expect(throws: (any Error).self) {
            try ClusterInitCommand.parse(["--config", file, "--directory", folder + "/link"]).run()
        }
        try ClusterInitCommand.parse(["--config", file, "--directory", folder + "/link", "--add"]).run()
    }
}
