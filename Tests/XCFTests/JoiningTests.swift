import Associations
import ControlPlane
import Testing
import Wire

@testable import XCF

extension LinkTests {
    /// What a link is for: a member joins, gets what is to be there, and reports.
    @Suite struct JoiningTests {
        @Test func aMemberJoinsIsWelcomedGetsEntriesAndReports() async throws {
            let cluster = try TestLink()
            let server = try cluster.server()
            let client = try cluster.client("t1", of: server)

            #expect(await eventually { client.connectionCount == 1 })
            #expect(client.link.send(.hello(.sample("t1"))))
            #expect(await eventually { server.messages("t1") == [.hello(.sample("t1"))] })
            let connection = try #require(server.connections("t1").first)

            #expect(server.link.send(.welcome(.sample), to: connection))
            #expect(server.link.send(.entries(first: 1, [.begin, .removal(1), .removal(2)]), to: connection))
            #expect(await eventually { client.entryNumbers == [1, 2, 3] })
            guard case .welcome(let welcome) = client.messages.first else {
                Issue.record("no welcome: \(client.messages)")
                return
            }
            #expect(welcome.incarnation == 5)
            #expect(welcome.leaseKey.count == 32)

            let report = MemberMessage.Report(applied: 3)
            #expect(client.link.send(.report(report)))
            #expect(await eventually { server.messages("t1").last == .report(report) })
            #expect(server.ends("t1").isEmpty)
        }
    }
}

extension MemberMessage.Report {
    init(applied: UInt64) {
        self.init()
        self.applied = applied
    }
}
