import Associations
import Configuration
import Testing
import Wire

@testable import ControlPlane
@testable import viaduct

/// What the program makes of the file's `ike`.
@Suite struct IKEWiringTests {
    private func cluster(_ lines: String = "", child: String = "") throws -> ClusterConfiguration {
        try ClusterConfiguration(
            yaml: """
                cluster: demo
                clusterKey: /key
                nodes:
                  router1: {role: router, clientInterface: a, trustedInterface: b, trustedAddress: 192.0.2.1}
                  t1: {role: target, trustedAddress: 192.0.2.11}
                gateways: [198.51.100.1]
                dvipas:
                  - address: 10.72.0.10
                    services:
                      - {name: web, protocol: tcp, ports: [80]}
                link: {credentials: /etc/viaduct/link}
                ike:
                  connections:
                    - name: branch
                      remote: 198.51.100.10
                      localID: gw.example
                      remoteID: "*.example"
                      presharedKey: correct horse battery staple
                \(lines.isEmpty ? "" : "      " + lines)
                      child:
                        mode: tunnel
                        local: [10.72.0.10/32]
                        remote: [10.71.0.0/24]
                \(child.isEmpty ? "" : "        " + child)
                """, file: "cluster.yaml",
            files: FileReader(
                read: { _, _ throws(FileFault) in
                    FileContents(bytes: Array(String(repeating: "ab", count: 32).utf8), permissions: 0o600)
                }, permissions: { _ in 0o600 }))
    }

    private func connection(_ lines: String = "", child: String = "") throws -> Connection {
        try #require(try cluster(lines, child: child).ikeConnections().connections.first)
    }

    @Test func whatTheFileDoesNotSayIsWhatRFC8247Recommends() throws {
        let connection = try connection()
        #expect(connection.policy.name == "branch" && !connection.isInitiator && connection.ownReplayWindow == 128)
        #expect(connection.policy.replayWindow == 32, "the smallest window that peers have")
        #expect(connection.policy.mobility != nil)
        #expect(connection.policy.timing.deadPeerAfter == 30_000_000_000)
        #expect(connection.policy.lifetimes.child?.soft == 3_600_000_000_000)
        #expect(connection.policy.lifetimes.sequenceNumber?.soft == 3 << 30)
    }

    @Test(arguments: [(1, 5), (10, 6), (30, 7), (60, 8), (0, 9), (3600, 9)])
    func aPeerIsGivenUpAfterTwiceItsSilence(seconds: Int, transmissions: Int) throws {
        let timing = try connection("deadPeerSeconds: \(seconds)").policy.timing
        #expect(timing.transmissions == transmissions)
        #expect(timing.deadPeerAfter == (seconds == 0 ? nil : UInt64(seconds) * 1_000_000_000))
    }

    @Test func limitsAreTheFiles() throws {
        let policy = try connection(
            "rekeySeconds: 0", child: "rekeyBytes: 1000\n        rekeyPackets: 40"
        ).policy
        #expect(policy.lifetimes.ike == nil)
        #expect(policy.lifetimes.bytes == SessionPolicy.Limit(soft: 1000, hard: 1250))
        #expect(policy.lifetimes.packets == SessionPolicy.Limit(soft: 40, hard: 50))
    }

    @Test func anInitiatorHasAnAddressOfItsOwn() throws {
        let connection = try connection("start: initiate")
        #expect(connection.isInitiator && connection.local == IPAddress("198.51.100.1"))
    }

    @Test(arguments: [
        ("proposals: [aes128gcm16-nonsense]", "the proposal aes128gcm16-nonsense cannot be read"),
        ("ppk: {id: x, secret: short}", "ppk needs a secret of 32 bytes"),
    ])
    func whatOnlyIKEUnderstandsPointsToItsLine(line: String, problem: String) throws {
        do {
            _ = try connection(line)
            Issue.record("taken")
        } catch let failure as ConfigurationFailure {
            #expect("\(failure)".hasPrefix("cluster.yaml:14: "))
            #expect("\(failure)".contains(problem))
        }
    }

    @Test func commandsAreLines() {
        #expect(IKECommand(line: "rekey branch") == .rekey("branch"))
        #expect(IKECommand(line: "rekey-children #7") == .rekeyChildren("#7"))
        #expect(IKECommand(line: "initiate two words") == .initiate("two words"))
        for line in ["", "rekey", "reboot branch", "Rekey branch"] { #expect(IKECommand(line: line) == nil) }
    }
}
