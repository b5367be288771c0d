import Associations
import Commands
import ControlPlane
import Foundation
import SwiftASN1
import Testing
import Wire
import X509

@testable import XCF

extension LinkTests {
    /// Who is not a member gets nothing, changes nothing, and is counted by the reason.
    @Suite struct RefusalTests {
        /// A stranger came and was refused; now a member comes as if nothing had been.
        private func expectOnlyTheMemberJoins(_ cluster: TestLink, _ server: TestServer, after fault: LinkFault)
            async throws
        {
            #expect(await eventually { server.link.report.faults[fault, default: 0] >= 1 })
            #expect(await eventually { server.refusals.contains(fault) })
            #expect(server.link.report.joined == 0)
            let member = try cluster.client("t1", of: server)
            #expect(await eventually { member.connectionCount == 1 })
            #expect(member.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.connections("t1").count == 1 })
        }

        private func openssl(_ server: TestServer, _ words: [String], says text: String = "") -> CommandOutcome? {
            let command =
                "printf '\(text)' | timeout 10 openssl s_client -connect 127.0.0.1:\(server.link.address.port) -alpn h2 -quiet "
                + words.joined(separator: " ")
            return try? outcome(of: ["bash", "-c", command])
        }

        @Test func withoutCertificate() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            _ = await elsewhere { openssl(server, []) }
            try await expectOnlyTheMemberJoins(cluster, server, after: .noCertificate)
        }

        @Test func ofAForeignAuthority() async throws {
            let (cluster, other) = (try TestLink(), try TestLink())
            let server = try cluster.server()
            let (ours, theirs) = (try cluster.credentials("t1"), try other.credentials("t1"))
            let stranger = try TestClient(
                server.link.address,
                LinkCredentials(name: "t1", authorities: ours.authorities, chain: theirs.chain, key: theirs.key))
            try await expectOnlyTheMemberJoins(cluster, server, after: .foreignAuthority)
            #expect(stranger.connectionCount == 0)
            stranger.link.stop()
        }

        @Test func ofANameThatIsNoMembers() async throws {
            let cluster = try TestLink(["t1", "t9"])
            let server = try TestServer(TestLink.loopback, cluster.credentials("router1"), ["t1"])
            let stranger = try cluster.client("t9", of: server)
            try await expectOnlyTheMemberJoins(cluster, server, after: .notAMember)
            #expect(stranger.connectionCount == 0)
            stranger.link.stop()
        }

        @Test func ofAnExpiredCertificate() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let late = try cluster.authority().issue("t1", now: Date(), days: -1)
            let stranger = try TestClient(
                server.link.address,
                LinkCredentials(
                    name: "t1", authorities: try cluster.credentials("t1").authorities, chain: [late.certificate],
                    key: SecretBytes(Array(try late.key.serializeAsPEM().pemString.utf8))))
            try await expectOnlyTheMemberJoins(cluster, server, after: .certificateExpired)
            #expect(stranger.connectionCount == 0)
            stranger.link.stop()
        }

        @Test func whoCallsItselfByAnothersName() async throws {
            let cluster = try TestLink(["t1", "t2"])
            let server = try cluster.server()
            let liar = try cluster.client("t2", of: server)
            #expect(await eventually { liar.connectionCount >= 1 })
            #expect(liar.link.send(.hello(.sample("t1"))))
            // It is told so, and comes back to say it again: that is for its log.
            #expect(
                await eventually {
                    liar.messages.contains {
                        guard case .refusal(.notAMember("t1")) = $0 else { return false }
                        return true
                    }
                })
            liar.link.stop()
            try await expectOnlyTheMemberJoins(cluster, server, after: .nameDiffers)
        }

        @Test func whoDoesNotBeginWithHello() async throws {
            let cluster = try TestLink(["t1", "t2"])
            let server = try cluster.server()
            let hasty = try cluster.client("t2", of: server)
            #expect(await eventually { hasty.connectionCount >= 1 })
            #expect(hasty.link.send(.leaving("no hello")))
            try await expectOnlyTheMemberJoins(cluster, server, after: .helloMisplaced)
            hasty.link.stop()
        }

        @Test func aSecondHello() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let client = try cluster.client("t1", of: server)
            #expect(await eventually { client.connectionCount == 1 })
            #expect(client.link.send(.hello(.sample("t1"))))
            #expect(client.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.ends("t1") == [.fault(.helloMisplaced, "")] })
            #expect(server.link.report.faults == [.helloMisplaced: 1])
        }

        @Test func aRouterOfAnotherNameIsNotSpokenTo() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let client = try TestClient(server.link.address, cluster.credentials("t1"), routerName: "router2")
            #expect(await eventually { client.ends.first == .fault(.notAMember, "") })
            #expect(client.connectionCount == 0)
            #expect(client.link.report.faults[.notAMember, default: 0] >= 1)
            #expect(server.link.report.joined == 0)
        }

        @Test(arguments: ["GET / HTTP/1.1\\r\\n\\r\\n", "\\377\\376\\375\\374\\373\\372\\371\\370 no TLS at all"])
        func whatIsNoTLS(_ text: String) async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let port = server.link.address.port
            _ = await elsewhere {
                try? outcome(of: [
                    "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); printf '\(text)' >&3; timeout 5 cat <&3",
                ])
            }
            try await expectOnlyTheMemberJoins(cluster, server, after: .notTLS)
        }

        @Test func whatEndsBeforeTLSHasBegun() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let port = server.link.address.port
            _ = await elsewhere { try? outcome(of: ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"]) }
            try await expectOnlyTheMemberJoins(cluster, server, after: .handshakeFailed)
        }

        @Test func whoSaysNothing() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let port = server.link.address.port
            _ = await elsewhere {
                try? outcome(of: ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); timeout 15 cat <&3"])
            }
            try await expectOnlyTheMemberJoins(cluster, server, after: .silent)
        }

        /// A member's own certificate, and then no HTTP/2.
        @Test func garbageBehindTLS() async throws {
            let cluster = try TestLink(["t1", "t2"])
            let server = try cluster.server()
            let words = [
                "-cert", cluster.folder.file("t2.pem"), "-key", cluster.folder.file("t2.key"), "-CAfile",
                cluster.folder.file("ca.pem"),
            ]
            _ = await elsewhere { openssl(server, words, says: "this is no HTTP/2 and never was, not even a little") }
            try await expectOnlyTheMemberJoins(cluster, server, after: .protocolFault)
        }
    }
}

extension TestLink {
    /// As a test needs it to make what init would not.
    func authority() throws -> LinkAuthority {
        LinkAuthority(
            certificate: try Certificate(pemEncoded: String(contentsOfFile: folder.file("ca.pem"), encoding: .utf8)),
            key: try Certificate.PrivateKey(
                pemEncoded: String(contentsOfFile: folder.file("ca.key"), encoding: .utf8)))
    }
}
