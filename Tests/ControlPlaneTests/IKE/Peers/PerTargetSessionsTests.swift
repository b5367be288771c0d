import Associations
import Testing
import Wire

@testable import ControlPlane

private let targets = Set((0..<3).map { HolderID(rawValue: $0) })

/// `PerTargetChildren` in a node's sessions, before a peer that is a session of ours.
@Suite struct PerTargetSessionsTests {
    private static func pair(
        perTarget: Bool = true, _ change: (inout SessionPolicy) -> Void = { _ in }
    ) throws -> (GatewayModel, ClientModel) {
        var connection = Connection(try .sample(.responder))
        connection.perTarget = perTarget
        var policy = try SessionPolicy.sample(.initiator)
        change(&policy)
        return (GatewayModel([connection]), ClientModel(policy, at: "10.0.0.1", seed: 5))
    }

    /// Carries what the gateway has said, and what comes of it.
    private func talk(_ client: inout ClientModel, _ gateway: inout GatewayModel) {
        for _ in 0..<20 {
            let said = gateway.takeSent()
            if said.isEmpty { return }
            let answers = said.flatMap { client.receive($0.bytes, at: gateway.now) }
            client.converse(answers, with: &gateway)
            gateway.tick(at: gateway.now + 1_000_000)
        }
    }

    private func begun(
        perTarget: Bool = true, _ change: (inout SessionPolicy) -> Void = { _ in }
    ) throws -> (GatewayModel, ClientModel) {
        var (gateway, client) = try Self.pair(perTarget: perTarget, change)
        client.converse(client.start(at: gateway.now), with: &gateway)
        gateway.serve(targets)
        talk(&client, &gateway)
        return (gateway, client)
    }

    @Test func eachTargetGetsOneAlone() throws {
        let (gateway, client) = try begun()
        #expect(client.session.childSPIs.count == 4)
        #expect(gateway.alone.map(\.holder) == targets.sorted())
        #expect(Set(gateway.sessions.status[0].children.map(\.holder)) == Set(targets.map { $0 } + [nil]))
        // The inbound halves are for all: the peer sends under any of them.
        #expect(gateway.held.count { $0.direction == .inbound } == 4)
        #expect(gateway.held.count { $0.direction == .outbound } == 1)
        for (entry, _) in gateway.alone { #expect(entry.key?.direction == .outbound) }
        // Inbound in place before the peer hears of it, here as everywhere.
        #expect(gateway.story.suffix(2) == ["install inbound", "install outbound for holder 2"])
    }

    @Test func neverMeansNever() throws {
        let (gateway, client) = try begun(perTarget: false)
        #expect(client.session.childSPIs.count == 1 && gateway.alone.isEmpty)
    }

    @Test func aPeerThatTakesNoMoreIsNotAskedAgain() throws {
        var (gateway, client) = try begun { $0.maximumChildren = 2 }
        #expect(client.session.childSPIs.count == 2 && gateway.alone.map(\.holder) == [HolderID(rawValue: 0)])
        #expect(gateway.sessions.perTarget.asking == 0)
        let said = gateway.log.count { $0.contains("NO_ADDITIONAL_SAS") }
        #expect(said == 1)
        for _ in 0..<50 {
            gateway.tick(at: gateway.now + PeerSessionsTests.second)
            talk(&client, &gateway)
        }
        #expect(gateway.log.count { $0.contains("NO_ADDITIONAL_SAS") } == 1)
        #expect(client.session.childSPIs.count == 2)
    }

    @Test func aPeerWithAShortQueueKeepsWhatItTook() throws {
        let (gateway, client) = try begun { $0.maximumParallelChildren = 3 }
        #expect(client.session.childSPIs.count == 3 && gateway.alone.count == 2)
        #expect(gateway.sessions.perTarget.asking == 0)
    }

    @Test func aRekeyedOwnOneStaysItsTargets() throws {
        var (gateway, client) = try begun()
        let own = try #require(gateway.sessions.entries.values.first?.children.first { $0.value.holder != nil })
        // By the peer, who knows it by the same SPIs in the other order.
        let there = ChildSPIs(inbound: own.key.outbound, outbound: own.key.inbound)
        client.converse(
            client.take(client.session.rekeyChild(there, at: gateway.now, using: &client.random)), with: &gateway)
        talk(&client, &gateway)
        #expect(gateway.alone.count == 4 && gateway.alone.last?.holder == own.value.holder)
        #expect(gateway.sessions.perTarget.count == 3)
        #expect(client.session.childSPIs.count == 4)
    }

    @Test func ownOnesGoWithTheirTarget() throws {
        var (gateway, client) = try begun()
        gateway.serve([HolderID(rawValue: 0), HolderID(rawValue: 1)])
        for _ in 0..<40 {
            gateway.tick(at: gateway.now + PeerSessionsTests.second)
            talk(&client, &gateway)
        }
        #expect(client.session.childSPIs.count == 3)
        #expect(gateway.sessions.perTarget.count == 2)
        #expect(gateway.log.contains { $0.contains("holder 2 is out of service") })
        gateway.serve(targets)
        talk(&client, &gateway)
        #expect(client.session.childSPIs.count == 4)
    }

    @Test func oneThatIsDroppedIsGivenUp() throws {
        var (gateway, client) = try begun()
        let children = try #require(gateway.sessions.entries.values.first?.children)
        let shared = try #require(children.values.first { $0.holder == nil }).pair
        let own = try #require(children.values.first { $0.holder == HolderID(rawValue: 1) }).pair
        for second in 1...20 as ClosedRange<UInt64> {
            gateway.tick(at: gateway.now + PeerSessionsTests.second)
            gateway.report(
                [AssociationUsage(spi: own.outbound.spi, direction: .outbound, packets: 50 * second, bytes: 0)],
                by: HolderID(rawValue: 1))
            gateway.report(
                [AssociationUsage(spi: shared.inbound.spi, direction: .inbound, packets: second, bytes: 0)],
                by: HolderID(rawValue: 0))
            talk(&client, &gateway)
        }
        #expect(client.session.childSPIs.count == 3)
        #expect(gateway.log.contains { $0.contains("nothing comes back for what holder 1 sends") })
        #expect(gateway.sessions.perTarget.count == 2)
    }

    @Test func nothingIsLeftOfAnEndedSession() throws {
        var (gateway, client) = try begun()
        client.converse(client.take(client.session.close(at: gateway.now)), with: &gateway)
        gateway.tick(at: gateway.now + PeerSessions.linger + PeerSessionsTests.second)
        #expect(gateway.sessions.perTarget.count == 0 && gateway.sessions.perTarget.asking == 0)
        gateway.tick(at: gateway.now + 100 * PeerSessionsTests.second)
        #expect(gateway.sessions.deadline == nil)
    }
}
