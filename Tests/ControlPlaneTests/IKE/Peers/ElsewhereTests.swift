import Associations
import Testing
import Wire

@testable import ControlPlane

/// A node that its gateway sends to another one (RFC 5685), or that moves itself (RFC 4555).
@Suite struct ElsewhereTests {
    private static let second: UInt64 = 1_000_000_000
    private static let gateways = [IPAddress("192.0.2.1")!, IPAddress("192.0.2.2")!]

    /// A client, node 0, and two gateways that send it where they are told.
    private func nodes(
        _ redirections: [Redirection?], maximum: Int = 3, seed: UInt64 = 1,
        change: (inout SessionPolicy) -> Void = { _ in }
    ) throws -> NodesModel {
        var nodes = NodesModel(seed: seed)
        var client = try SessionPolicy.sample(.initiator)
        client.maximumRedirects = maximum
        change(&client)
        nodes.add(
            ["10.0.0.1", "10.0.0.2"],
            [
                Connection(
                    client, local: IPAddress("10.0.0.1")!, remote: AddressRange("192.0.2.1/32")!, isInitiator: true)
            ])
        for (address, redirection) in zip(Self.gateways, redirections) {
            var policy = try SessionPolicy.sample(.responder)
            policy.redirection = redirection
            change(&policy)
            nodes.add(["\(address)"], [Connection(policy)])
        }
        return nodes
    }

    private func expectOneSession(_ nodes: NodesModel, at gateway: Int, _ comment: String = "") {
        #expect(nodes.established(0).map(\.remote) == ["\(Self.gateways[gateway - 1]):500"], "\(comment)")
        #expect(nodes.established(0).first?.children.count == 1, "\(comment)")
        #expect(nodes.established(gateway).count == 1, "\(comment)")
        #expect(nodes.established(3 - gateway).isEmpty, "\(comment)")
        #expect(nodes.nodes.flatMap(\.wrongIndices) == [], "\(comment)")
    }

    @Test(arguments: [Redirection.Stage.firstMessage, .authentication])
    func itBeginsAtTheOther(_ stage: Redirection.Stage) throws {
        var nodes = try nodes([Redirection(to: .address(Self.gateways[1]), at: stage), nil])
        nodes.run(until: 5 * Self.second)
        expectOneSession(nodes, at: 2)
        // The end of the first is not one to begin again after.
        nodes.run(until: 300 * Self.second)
        expectOneSession(nodes, at: 2)
        #expect(nodes.nodes[0].counts["begun"] == 2)
    }

    @Test func aCommandSendsItAway() throws {
        var nodes = try nodes([nil, nil])
        nodes.run(until: Self.second)
        expectOneSession(nodes, at: 1)
        nodes.order(.redirect("b.example", Self.gateways[1]), to: 1)
        nodes.run(until: 300 * Self.second)
        expectOneSession(nodes, at: 2)
    }

    @Test func alsoInBadWeather() throws {
        for seed in UInt64(1)...30 {
            var nodes = try nodes([nil, nil], seed: seed) { $0.timing.transmissions = 12 }
            nodes.run(until: Self.second)
            nodes.lost = 250
            nodes.order(.redirect("b.example", Self.gateways[1]), to: 1)
            nodes.run(until: 10_000 * Self.second)
            expectOneSession(nodes, at: 2, "seed \(seed)")
        }
    }

    /// Two gateways that send it to each other have it try again later, where the configuration says.
    @Test func aCircleHasAnEnd() throws {
        var nodes = try nodes([
            Redirection(to: .address(Self.gateways[1]), at: .firstMessage),
            Redirection(to: .address(Self.gateways[0]), at: .firstMessage),
        ])
        nodes.run(until: Self.second / 2)
        #expect(nodes.nodes[0].counts["begun"] == 4 && nodes.nodes[0].counts["failed"] == 1)
        nodes.run(until: 100 * Self.second)
        #expect(nodes.nodes[0].counts["begun"]! < 40)
        #expect(nodes.nodes[0].wrongIndices == [])
    }

    @Test func aNameIsNotLookedUp() throws {
        var nodes = try nodes([Redirection(to: .name("gw2.example"), at: .firstMessage), nil])
        nodes.run(until: Self.second / 2)
        #expect(nodes.nodes[0].counts["unresolvedGateway"] == 1)
        #expect(nodes.nodes[0].counts["begun"] == 1)
    }

    @Test func aCommandMovesIt() throws {
        var nodes = try nodes([nil, nil]) { $0.mobility = MobilityPolicy() }
        nodes.run(until: Self.second)
        #expect(nodes.established(1).map(\.remote) == ["10.0.0.1:4500"])
        nodes.order(.move("a.example", IPAddress("10.0.0.2")!), to: 0)
        nodes.run(until: 10 * Self.second)
        #expect(nodes.established(0).map(\.local) == ["10.0.0.2:4500"])
        #expect(nodes.established(1).map(\.remote) == ["10.0.0.2:4500"])
        #expect(nodes.established(1).first?.children.count == 1)
        // The gateway is not the end that moves.
        nodes.order(.move("b.example", IPAddress("192.0.2.9")!), to: 1)
        #expect(nodes.log.last?.contains("it speaks no MOBIKE, or it is the end that would move") == true)
    }

    /// A session that takes another one's place is the only one afterwards, and stays the only one.
    @Test func whatWasReplacedIsNotBegunAgain() throws {
        var nodes = try nodes([nil, nil]) {
            $0.lifetimes.reauthentication = 100 * Self.second
        }
        nodes.run(until: 150 * Self.second)
        expectOneSession(nodes, at: 1)
        #expect(nodes.nodes[0].counts["begun"] == 2)
    }

    /// The peer began anew, and its session is the connection's from then on.
    @Test func whatThePeerBeganAnewIsNotBegunAgain() throws {
        var nodes = try nodes([nil, nil])
        nodes.run(until: Self.second)
        // The gateway begins, too, having forgotten all.
        nodes.add(
            ["192.0.2.1"],
            [
                Connection(
                    try .sample(.responder), local: Self.gateways[0], remote: AddressRange("10.0.0.1/32")!,
                    isInitiator: true)
            ])
        nodes.run(until: 20 * Self.second)
        #expect(nodes.established(0).map(\.isInitiator) == [false])
        #expect(nodes.nodes[0].counts["begun"] == 2)
        #expect(nodes.nodes[0].wrongIndices == [] && nodes.nodes[3].wrongIndices == [])
        // When it ends the connection is ours to begin again.
        nodes.order(.terminate("b.example"), to: 3)
        nodes.run(until: 60 * Self.second)
        #expect(!nodes.established(0).isEmpty)
    }
}
