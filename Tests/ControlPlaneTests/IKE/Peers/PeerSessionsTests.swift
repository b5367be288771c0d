import Associations
import Testing
import Wire

@testable import ControlPlane

@Suite struct PeerSessionsTests {
    static let second: UInt64 = 1_000_000_000

    @Test func theReplyWaitsUntilTheSAIsInPlace() throws {
        var gateway = try GatewayModel.responder()
        gateway.settles = false
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 1)
        client.converse(client.start(at: gateway.now), with: &gateway)
        #expect(gateway.story == ["send", "install inbound", "barrier"])
        #expect(!client.session.isEstablished)
        // The peer repeats its request; the answer must not come by that way.
        gateway.now += Self.second
        let again = client.take(client.session.tick(at: gateway.now, using: &client.random))
        #expect(!again.isEmpty)
        client.converse(again, with: &gateway)
        #expect(!client.session.isEstablished)
        #expect(gateway.sessions.counts["busy"] == 1)

        let id = try #require(gateway.barriers.first)
        gateway.settle(id, missing: [HolderID(rawValue: 2)])
        #expect(gateway.story.suffix(2) == ["send", "install outbound"])
        #expect(gateway.sessions.status.first?.children.first?.missing == [HolderID(rawValue: 2)])
        for (bytes, _) in gateway.takeSent() { _ = client.receive(bytes, at: gateway.now) }
        #expect(client.session.isEstablished)
    }

    @Test func aRekeyNeverLeavesThePeerWithoutAnSA() throws {
        var gateway = try GatewayModel.responder()
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 2)
        client.converse(client.start(at: gateway.now), with: &gateway)
        let first = gateway.held
        #expect(first.count == 2)
        let child = try #require(client.session.childSPIs.first)
        let before = gateway.story.count
        client.converse(
            client.take(client.session.rekeyChild(child, at: gateway.now, using: &client.random)), with: &gateway)
        // New in, answer; then, on the DELETE: all send under the new one, and only when that is so the answer.
        #expect(
            Array(gateway.story[before...]) == [
                "install inbound", "barrier", "send", "install outbound", "barrier", "send", "remove outbound",
            ])
        // What was on its way under the old SA is still taken, for a while.
        #expect(gateway.held.filter { $0.direction == .inbound }.count == 2)
        gateway.tick(at: gateway.now + PeerSessions.inboundLinger)
        #expect(gateway.held.count == 2 && gateway.held.isDisjoint(with: first))
    }

    @Test func nothingIsLeftOfAnEndedSession() throws {
        var gateway = try GatewayModel.responder()
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 3)
        client.converse(client.start(at: gateway.now), with: &gateway)
        client.converse(client.take(client.session.close(at: gateway.now)), with: &gateway)
        gateway.tick(at: gateway.now + PeerSessions.linger + Self.second)
        #expect(gateway.held.isEmpty)
        #expect(gateway.sessions.entries.isEmpty && gateway.sessions.owners.isEmpty)
        #expect(gateway.sessions.initiations.isEmpty && gateway.sessions.halfOpenCount == 0)
        #expect(gateway.sessions.inboundOwners.isEmpty && gateway.sessions.outboundOwners.isEmpty)
        #expect(gateway.sessions.acquaintances.isEmpty && gateway.sessions.standing.isEmpty)
        #expect(gateway.sessions.deadline == nil)
    }

    @Test func aFloodOfSpoofedFirstMessagesDoesNotKeepAPeerOut() throws {
        var gateway = try GatewayModel.responder()
        var flooder = ClientModel(try .sample(.initiator), at: "10.9.9.9", seed: 4)
        let template = try #require(flooder.start(at: 0).first)
        var random = SeededGenerator(seed: 5)
        for number in 0..<50_000 {
            var request = template
            for index in 0..<8 { request[index] = UInt8(truncatingIfNeeded: random.next()) }
            let source = SocketAddress(address: IPAddress(v4: 0x0B00_0000 | UInt32(number)), port: 500)
            gateway.receive(request, from: source)
            // An answer to a spoofed address comes back to nobody.
            if number % 100 == 0 { gateway.tick(at: gateway.now + 1_000_000) }
        }
        let sent = gateway.takeSent()
        #expect(sent.count == 50_000)
        #expect(gateway.sessions.halfOpenCount == HalfOpenLimits().cookieThreshold)
        #expect(gateway.sessions.counts["cookieAsked"] == 50_000 - UInt64(HalfOpenLimits().cookieThreshold))
        #expect(gateway.sessions.entries.count == HalfOpenLimits().cookieThreshold)

        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 6)
        client.converse(client.start(at: gateway.now), with: &gateway)
        #expect(client.session.isEstablished)
        #expect(gateway.log.count <= LogBudget.burst + 100)
    }

    @Test func oneAddressCannotTakeAllTheRoom() throws {
        var limits = HalfOpenLimits()
        limits.cookieThreshold = 1000
        limits.maximumPerAddress = 3
        var gateway = try GatewayModel.responder(limits: limits)
        for seed in 0..<10 {
            var client = ClientModel(try .sample(.initiator), at: "10.0.0.66", seed: UInt64(seed) + 100)
            for bytes in client.start(at: gateway.now) {
                gateway.receive(bytes, from: SocketAddress(address: client.address.address, port: 500 + UInt16(seed)))
            }
        }
        #expect(gateway.takeSent().count == 3)
        #expect(gateway.sessions.counts["tooManyHalfOpenOfAddress"] == 7)
        #expect(gateway.log.contains { $0.contains("10.0.0.66") })
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 8)
        client.converse(client.start(at: gateway.now), with: &gateway)
        #expect(client.session.isEstablished)
        // Who does not go on is forgotten, and its address has room again.
        gateway.tick(at: gateway.now + SessionPolicy.Timing().halfOpen + PeerSessions.linger + Self.second)
        gateway.tick(at: gateway.now + PeerSessions.linger + Self.second)
        #expect(gateway.sessions.halfOpenCount == 0)
        #expect(gateway.sessions.entries.count == 1)
    }

    @Test func theHalfOpenHaveABoundBehindCookiesToo() throws {
        var limits = HalfOpenLimits()
        limits.cookieThreshold = 1000
        limits.maximum = 5
        var gateway = try GatewayModel.responder(limits: limits)
        for seed in 0..<20 {
            var client = ClientModel(try .sample(.initiator), at: "10.0.1.\(seed)", seed: UInt64(seed) + 200)
            for bytes in client.start(at: gateway.now) { gateway.receive(bytes, from: client.address) }
        }
        #expect(gateway.sessions.halfOpenCount == 5)
        #expect(gateway.sessions.counts["tooManyHalfOpen"] == 15)
    }

    @Test func manyPeersHaveSAsOfTheirOwn() throws {
        var gateway = try GatewayModel.responder()
        var clients: [ClientModel] = []
        for seed in 0..<100 {
            var client = ClientModel(
                try .sample(.initiator), at: "10.0.\(seed / 10).\(seed % 10 + 1)", seed: UInt64(seed) + 300)
            client.converse(client.start(at: gateway.now), with: &gateway)
            #expect(client.session.isEstablished)
            clients.append(client)
        }
        #expect(gateway.held.count == 200)
        #expect(Set(gateway.sessions.status.map(\.id)).count == 100)
        for place in clients.indices {
            clients[place].converse(clients[place].take(clients[place].session.close(at: gateway.now)), with: &gateway)
        }
        gateway.tick(at: gateway.now + PeerSessions.inboundLinger)
        #expect(gateway.held.isEmpty)
    }

    @Test func aReportNamesTheEldestInOrder() throws {
        var limits = HalfOpenLimits()
        limits.cookieThreshold = 1000
        var gateway = try GatewayModel.responder(limits: limits)
        for number in 0..<IKEReport.sessionLimit + 50 {
            var client = ClientModel(
                try .sample(.initiator), at: "10.1.\(number / 200).\(number % 200 + 1)", seed: UInt64(number) + 9000)
            for bytes in client.start(at: gateway.now) { gateway.receive(bytes, from: client.address) }
        }
        let all = gateway.sessions.entries.keys.sorted()
        #expect(all.count == IKEReport.sessionLimit + 50)
        #expect(gateway.sessions.status.map(\.id) == all.prefix(IKEReport.sessionLimit).map { "\($0)" })
    }

    /// Nobody says it twice.
    @Test func whatIsGrantedBehindABarrierCounts() throws {
        var gateway = try GatewayModel.responder()
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 12)
        client.converse(client.start(at: gateway.now), with: &gateway)
        let child = try #require(client.session.childSPIs.first)
        gateway.settles = false
        client.converse(
            client.take(client.session.rekeyChild(child, at: gateway.now, using: &client.random)), with: &gateway)
        #expect(!gateway.barriers.isEmpty)
        gateway.perform(gateway.sessions.granted([child.inbound: 4097], at: gateway.now, using: &gateway.random))
        let children = try #require(gateway.sessions.entries.values.first).children
        #expect(children.first { $0.key.outbound == child.inbound }?.value.grantedEnd == 4097)
    }

    @Test func anInitiatorBeginsAgainLaterEachTime() throws {
        var gateway = GatewayModel([
            Connection(
                try .sample(.initiator), local: GatewayModel.address.address,
                remote: AddressRange("10.0.0.1"), isInitiator: true)
        ])
        var begun: [UInt64] = []
        for _ in 0..<2000 {
            guard let deadline = gateway.sessions.deadline else { break }
            let before = gateway.sessions.counts["begun"] ?? 0
            gateway.tick(at: max(deadline, gateway.now))
            if gateway.sessions.counts["begun"] != before { begun.append(gateway.now) }
            if begun.count == 6 { break }
        }
        let waits = zip(begun.dropFirst(), begun).map { $0 - $1 }
        #expect(waits.count == 5)
        #expect(zip(waits.dropFirst(), waits).allSatisfy { $0 > $1 })
        #expect(gateway.sessions.entries.count <= 3)
    }

    /// Every SA that a peer can negotiate fits into a datagram of the shadow link.
    @Test func aPeerThatOffersManySelectorsGetsSome() throws {
        var gateway = try GatewayModel.responder()
        let ranges = (0..<16).map { "10.1.\($0 * 2).0/24" }
        var client = ClientModel(
            try .sample(.initiator, local: ranges, remote: (0..<16).map { "10.2.\($0 * 2).0/24" }), at: "10.0.0.1",
            seed: 12)
        client.converse(client.start(at: gateway.now), with: &gateway)
        #expect(client.session.isEstablished)
        #expect(gateway.held.count == 2 && gateway.published.allSatisfy(\.fits))
        #expect(gateway.published.allSatisfy { ShadowEntry($0.bytes) != nil })
    }

    @Test func anotherPeersOutboundSPIIsNotTaken() throws {
        var gateway = try GatewayModel.responder()
        var clients = ["10.0.0.1", "10.0.0.2"].map { ClientModel(try! .sample(.initiator), at: $0, seed: 77) }
        // The same seed: the same SPI. The first keeps it.
        for place in clients.indices {
            clients[place].converse(clients[place].start(at: gateway.now), with: &gateway)
        }
        #expect(gateway.sessions.counts["outboundSPITaken"] == 1)
        let outbound = gateway.published.filter {
            if case .install(let a) = $0 { a.direction == .outbound } else { false }
        }
        #expect(outbound.count == 1)
        #expect(clients[0].session.childSPIs.count == 1 && clients[1].session.childSPIs.isEmpty)
    }

    @Test func theQueueOfDeadlinesDoesNotGrow() throws {
        var policy = try SessionPolicy.sample(.responder)
        policy.timing.deadPeerAfter = 30 * Self.second
        var gateway = GatewayModel([Connection(policy)])
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 13)
        client.converse(client.start(at: gateway.now), with: &gateway)
        let spi = try #require(client.session.childSPIs.first).outbound
        for number in 1...1000 as ClosedRange<UInt64> {
            gateway.now += 10_000_000
            let usage = AssociationUsage(spi: spi, direction: .outbound, packets: number, bytes: number * 100)
            gateway.perform(gateway.sessions.received([usage], at: gateway.now, using: &gateway.random))
        }
        #expect(gateway.sessions.deadlines.count <= 3)
        // And the deadline is not forgotten.
        let sent = gateway.story.filter { $0 == "send" }.count
        gateway.tick(at: gateway.now + 31 * Self.second)
        #expect(gateway.story.filter { $0 == "send" }.count == sent + 1)
    }

    @Test func whatNobodyCanReadIsCounted() throws {
        var gateway = try GatewayModel.responder()
        let source = SocketAddress(address: IPAddress("10.0.0.1")!, port: 500)
        gateway.receive([1, 2, 3], from: source)
        gateway.receive([UInt8](repeating: 9, count: 28), from: source)
        #expect(gateway.sessions.counts["noIKE"] == 1)
        #expect(gateway.sessions.counts["unknownSPI"] == 1)
        #expect(gateway.takeSent().isEmpty)
    }

    @Test func theLogHasABound() throws {
        var gateway = GatewayModel([])
        var client = ClientModel(try .sample(.initiator), at: "10.0.0.1", seed: 9)
        let request = try #require(client.start(at: 0).first)
        for _ in 0..<10_000 { gateway.receive(request, from: client.address) }
        #expect(gateway.log.count == LogBudget.burst)
        gateway.now += Self.second
        gateway.receive(request, from: client.address)
        #expect(gateway.log.last?.hasSuffix("(9950 lines left out before this one)") == true)
    }

    @Test func noSPIComesTwiceAndNoneIsReserved() {
        var random = UniqueSPIs(SeededGenerator(seed: 10), taken: [SPI(rawValue: 0x1000)])
        var seen: Set<SPI> = []
        for _ in 0..<20_000 { #expect(seen.insert(random.espSPI()).inserted) }
        #expect(seen.allSatisfy { $0.rawValue > 255 } && !seen.contains(SPI(rawValue: 0x1000)))
        // A permutation: different numbers stay different, whatever the key.
        for seed in 0..<20 as Range<UInt64> {
            let spis = UniqueSPIs(SeededGenerator(seed: seed))
            #expect(Set((0..<500).map { spis.permuted($0 &* 0x9E37_79B9) }).count == 500)
        }
    }

    @Test func deadlinesComeInOrder() {
        var random = SeededGenerator(seed: 11)
        var queue = DeadlineQueue<Int>()
        let moments = (0..<500).map { _ in random.next() % 1000 }
        for (place, moment) in moments.enumerated() { queue.insert(place, at: moment) }
        var popped: [UInt64] = []
        while let next = queue.pop(until: 500) { popped.append(next.at) }
        #expect(popped == moments.filter { $0 <= 500 }.sorted())
        #expect(queue.count == moments.count - popped.count)
    }
}

extension Session {
    /// The Child SAs it has.
    var childSPIs: [ChildSPIs] {
        guard case .established(let established) = state else { return [] }
        return established.children.map(\.spis)
    }
}
