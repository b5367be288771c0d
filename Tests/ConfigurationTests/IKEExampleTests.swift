import Associations
import Configuration
import Testing
import Wire

/// The section on IKE of docs/configuration.md, value by value.
@Suite struct IKEExampleTests {
    let cluster: ClusterConfiguration
    let ike: IKESettings

    init() throws {
        cluster = try ClusterConfiguration(yaml: Page.withIKE, file: "cluster.yaml", files: HeldFiles().reader)
        ike = try #require(cluster.ike)
    }

    @Test func itsHead() throws {
        #expect(try text(#require(cluster.clusterKey)) == HeldFiles.clusterKey)
        #expect(ike.listen == [address("198.51.100.1")])
        #expect(ike.cookieThreshold == 100)
        #expect(ike.maximumHalfOpen == 1000)
        #expect(ike.maximumHalfOpenPerAddress == 10)
        #expect(cluster.link == LinkSettings(port: 4520, credentials: "/etc/viaduct/link"))
        #expect(ike.connections.map(\.name) == ["branch", "laptops"])
        #expect(cluster.warnings.isEmpty)
    }

    @Test func theConnectionWithASharedKey() throws {
        let branch = ike.connections[0]
        #expect(branch.local == address("198.51.100.1"))
        #expect(branch.remote == range("198.51.100.10"))
        #expect(branch.remoteAddress == address("198.51.100.10"))
        #expect(branch.isInitiator)
        #expect(branch.proposals == ["aes128gcm16-prfsha256-x25519"])
        #expect(branch.localID == "gw.example")
        #expect(branch.remoteID == "client.example")
        guard case .presharedKey(let ours) = branch.credential, case .presharedKey(let theirs) = branch.requirement
        else {
            Issue.record("no shared key")
            return
        }
        #expect(text(ours) == "5c1f0a77d2be4b1993a45d6e80c3f7126b9d0e54")
        #expect(text(theirs) == text(ours))
        let ppk = try #require(branch.ppk)
        #expect(ppk.id == "q1")
        #expect(ppk.secret.withUnsafeBytes { Array($0) } == Array("zJ9wQk3vT7mX2cLr5HdYb8NfPs4GuAe6".utf8))
        #expect(!ppk.isRequired)
        #expect(branch.fragmentSize == 1280)
        #expect(branch.isMobile)
        #expect(branch.deadPeerSeconds == 30)
        #expect(branch.rekeySeconds == 14400)
        #expect(branch.reauthenticateSeconds == 0)
        #expect(branch.place.line == 62)
    }

    @Test func itsChild() {
        let child = ike.connections[0].child
        #expect(child.mode == .tunnel)
        #expect(child.proposals == ["aes256gcm16"])
        #expect(
            child.selectors
                == TrafficSelectors(
                    remote: [range("10.71.0.0/24")], local: [range("10.72.0.10")], ipProtocol: 6,
                    remotePorts: [1024...65535], localPorts: [80...80, 443...443]))
        #expect(child.replayWindow == 128)
        #expect(child.peerReplayWindow == 32)
        #expect(child.rekeySeconds == 3600)
        #expect(child.rekeyBytes == 0)
        #expect(child.rekeyPackets == 0)
        #expect(child.isPerTarget)
    }

    @Test func theConnectionWithCertificates() {
        let laptops = ike.connections[1]
        guard case .certificate("/etc/viaduct/gw.pem", "/etc/viaduct/gw.key") = laptops.credential,
            case .certificate(["/etc/viaduct/ca.pem"], ["/etc/viaduct/ca.crl"], .use) = laptops.requirement
        else {
            Issue.record("no certificate, or another")
            return
        }
        #expect(laptops.remoteID == "*.example")
    }

    @Test func whatIsLeftOutHasItsDefault() {
        let laptops = ike.connections[1]
        #expect(laptops.local == nil)
        #expect(laptops.remote == nil)
        #expect(laptops.remoteAddress == nil)
        #expect(!laptops.isInitiator)
        #expect(laptops.proposals.isEmpty)
        #expect(laptops.ppk == nil)
        #expect(laptops.fragmentSize == 1280)
        #expect(laptops.isMobile)
        #expect(laptops.deadPeerSeconds == 30)
        #expect(laptops.rekeySeconds == 14400)
        #expect(laptops.reauthenticateSeconds == 0)
        #expect(laptops.child.proposals.isEmpty)
        #expect(laptops.child.selectors.ipProtocol == nil)
        #expect(laptops.child.replayWindow == 128)
        #expect(laptops.child.peerReplayWindow == 32)
        #expect(laptops.child.rekeySeconds == 3600)
        #expect(!laptops.child.isPerTarget)
    }

    @Test func theProgramsComplaintPointsToTheConnection() {
        let failure = cluster.failure(
            of: ike.connections[0], problem: "aes512 is no algorithm", remedy: "Write aes256gcm16.")
        #expect(failure.description == "cluster.yaml:62: aes512 is no algorithm. Write aes256gcm16.")
    }

    private func address(_ text: String) -> IPAddress { IPAddress(text)! }
    private func range(_ text: String) -> AddressRange { AddressRange(text)! }
    private func text(_ secret: SecretBytes) -> String { secret.withUnsafeBytes { Hexadecimal.text($0) } }
}
