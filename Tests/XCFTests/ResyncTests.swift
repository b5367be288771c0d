import Associations
import ControlPlane
import Testing
import Wire

@testable import XCF

extension LinkTests {
    /// Connections end and come again; what is sent on one comes in order, or the connection ends.
    @Suite struct ResyncTests {
        /// A member that has joined, and its connection.
        private func joined(
            _ cluster: TestLink, _ server: TestServer, _ member: String = "t1"
        ) async throws -> (TestClient, LinkConnection) {
            let client = try cluster.client(member, of: server)
            #expect(await eventually { client.connectionCount >= 1 })
            #expect(client.link.send(.hello(.sample(member))))
            #expect(await eventually { !server.connections(member).isEmpty })
            return (client, try #require(server.connections(member).last))
        }

        @Test func aClosedConnectionComesBackAndGetsEverythingAnew() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let (client, first) = try await joined(cluster, server)
            #expect(server.link.send(.entries(first: 1, [.begin, .removal(1)]), to: first))
            server.link.close(first)
            #expect(!server.link.send(.entries(first: 3, [.removal(2)]), to: first))
            // What was sent before the end was written before the end.
            #expect(await eventually { client.entryNumbers == [1, 2] && client.connectionCount == 2 })
            #expect(server.ends("t1") == [.closed])

            #expect(client.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.connections("t1").count == 2 })
            let second = server.connections("t1")[1]
            #expect(second != first)
            #expect(server.link.send(.entries(first: 10, [.begin, .removal(1)]), to: second))
            #expect(await eventually { client.entryNumbers == [1, 2, 10, 11] })
        }

        @Test func aRouterThatIsStartedAnewIsFoundAgain() async throws {
            let cluster = try TestLink()
            let former = try cluster.server()
            let (client, _) = try await joined(cluster, former)
            let port = former.link.address.port
            await elsewhere { former.link.stop() }
            #expect(await eventually { client.ends.count == 1 })

            let server = try cluster.server(port: port)
            #expect(await eventually { client.connectionCount == 2 })
            #expect(client.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.connections("t1").count == 1 })
        }

        @Test func ofTwoConnectionsOfOneMemberTheNewerStays() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let (older, first) = try await joined(cluster, server)
            let newer = try cluster.client("t1", of: server)
            #expect(await eventually { newer.connectionCount == 1 })
            #expect(newer.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.ends("t1") == [.replaced] })
            older.link.stop()
            let second = try #require(server.connections("t1").last)
            #expect(second != first)
            #expect(server.link.report.replaced == 1)
            #expect(!server.link.send(.welcome(.sample), to: first))
            #expect(server.link.send(.welcome(.sample), to: second))
            #expect(await eventually { newer.messages.count == 1 })
            // The order of what was told: nothing of the first after its end.
            let told = server.events.compactMap { event -> String? in
                switch event {
                case .joined(_, let connection): connection == first ? "first joined" : "second joined"
                case .left(_, let connection, _): connection == first ? "first left" : "second left"
                case .message, .refused: nil
                }
            }
            #expect(told == ["first joined", "first left", "second joined"])
        }

        @Test func aMemberThatEndsIsTold() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let (client, _) = try await joined(cluster, server)
            client.link.stop()
            #expect(await eventually { server.ends("t1").count == 1 })
            guard case .lost = try #require(server.ends("t1").first) else {
                Issue.record("\(server.ends("t1"))")
                return
            }
        }

        @Test func aHundredThousandEntriesComeInOrder() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let (client, connection) = try await joined(cluster, server)
            let (count, batch) = (100_000, 500)
            for first in stride(from: 1, through: count, by: batch) {
                let entries = (first..<first + batch).map { ShadowEntry.removal(UInt32($0)) }
                #expect(server.link.send(.entries(first: UInt64(first), entries), to: connection))
            }
            let messages = count / batch
            #expect(await eventually(within: 60) { client.messages.count == messages })
            #expect(client.entryNumbers == (1...UInt64(count)).map { $0 })
        }

        /// A member that takes nothing: the router's queue fills, `send` says so, and what is held is bounded.
        @Test func aMemberThatTakesNothingIsHeldBackAndBounded() async throws {
            let cluster = try TestLink()
            let limit = 2 << 20
            let server = try TestServer(TestLink.loopback, cluster.credentials("router1"), ["t1"], outgoingBytes: limit)
            let (client, connection) = try await joined(cluster, server)
            let entries = (0..<1000).map { ShadowEntry.removal($0) }
            // It is full for good when it stays so: what the network holds has been filled, too.
            let sent = await elsewhere { () -> Int in
                var (sent, refusals) = (0, 0)
                while refusals < 200 && sent < 100_000 {
                    if server.link.send(.entries(first: UInt64(sent) * 1000 + 1, entries), to: connection) {
                        (sent, refusals) = (sent + 1, 0)
                    } else {
                        refusals += 1
                        eventuallyMore()
                    }
                }
                return sent
            }
            #expect(server.link.report.full > 0)
            // Ours, the flow-control windows, the buffers of two sockets, and 256 messages at the other end.
            #expect(sent * 11_000 < limit + (16 << 20))
            #expect(client.link.inbox.count <= LinkBounds.incomingMessages + 1)
            // And once it takes them, all are there, in order.
            let last = UInt64(sent) * 1000
            #expect(await eventually(within: 60) { client.entryNumbers.last == last })
            #expect(client.entryNumbers == (1...last).map { $0 })
        }

        /// The other way round: a router that takes nothing.
        @Test func aRouterThatTakesNothingHoldsItsMembersBack() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let client = try TestClient(server.link.address, cluster.credentials("t1"), outgoingBytes: 1 << 20)
            #expect(await eventually { client.connectionCount == 1 })
            #expect(client.link.send(.hello(.sample("t1"))))
            var report = MemberMessage.Report()
            report.usage = (0..<1000).map {
                AssociationUsage(spi: SPI(rawValue: 256 + $0), direction: .inbound, packets: 1 << 40, bytes: 1 << 50)
            }
            let full = report
            let sent = await elsewhere { () -> Int in
                var (sent, refusals) = (0, 0)
                while refusals < 200 && sent < 100_000 {
                    if client.link.send(.report(full)) {
                        (sent, refusals) = (sent + 1, 0)
                    } else {
                        refusals += 1
                        eventuallyMore()
                    }
                }
                return sent
            }
            #expect(client.link.report.full > 0)
            #expect(server.link.inbox.count <= LinkBounds.incomingMessages + 1)
            #expect(await eventually(within: 60) { server.messages("t1").count == sent + 1 })
        }
    }
}
