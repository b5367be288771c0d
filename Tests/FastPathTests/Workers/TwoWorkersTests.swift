import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// An SA whose packets arrive at two workers: one owns it, and what it knows, it alone knows.
@Suite struct TwoWorkersTests {
    private static func bench(_ associations: SecurityAssociation...) -> WorkerBench {
        let bench = WorkerBench()
        for association in associations { bench.publish(.install(association)) }
        return bench
    }

    private static func frame(_ number: UInt64, port: UInt16 = 40000, flags: UInt8 = TCPFlags.syn) -> Bytes {
        Example.tunnelFrame(number: number, Example.innerTCP(port: port, flags: flags))
    }

    /// The target by its link address.
    private static func target(_ frame: Bytes?) -> UInt8? { frame.map { $0[5] } }

    @Test func whoVerifiesFirstOwns() {
        var bench = Self.bench(Example.tunnel)
        let one = bench.send([], [Self.frame(1)])
        #expect(one.second == [.steered])
        let two = bench.send([Self.frame(2, port: 40001)], [])
        #expect(two.first == [.handedOver])
        #expect(two.second == [.steered])
        #expect(bench.second.router.stateSnapshot().connections == 2)
        #expect(bench.first.router.stateSnapshot().connections == 0)
        #expect(bench.first.port.freeCount == 256)
        #expect(bench.second.port.freeCount == 256)
    }

    /// What is steered is the same, byte for byte, whichever way it came.
    @Test func whatIsHandedOverIsSteeredAsItCame() {
        var bench = Self.bench(Example.tunnel)
        _ = bench.send([Self.frame(1)])
        let frame = Example.tunnelFrame(number: 2, Example.innerTCP(flags: TCPFlags.ack, payload: 1300))
        let verdicts = bench.send([], [frame])
        #expect(verdicts.first == [.steered])
        #expect(bench.first.port.sent.last == Example.encapsulated(frame, target: 0))
        #expect(bench.second.port.sent.isEmpty)
    }

    @Test func noReplayIsAcceptedOnEither() {
        var bench = Self.bench(Example.tunnel)
        let frames = (1...40).map { Self.frame(UInt64($0), flags: $0 == 1 ? TCPFlags.syn : TCPFlags.ack) }
        // Every packet on both queues, and once more.
        let once = bench.send(frames, frames)
        let again = bench.send(frames, frames)
        let all = once.first + once.second + again.first + again.second
        #expect(all.filter { $0 == .steered }.count == 40)
        #expect(all.filter { $0 == .replayed }.count == 120)
        #expect(all.filter { $0 == .handedOver }.count == 80)
        #expect(Set(all) == [.steered, .replayed, .handedOver])
    }

    /// A rekey makes a new SPI; its first packets come in on the other queue, and the peer has another address by then.
    @Test func connectionsAreFoundAfterARekey() {
        var bench = Self.bench(Example.tunnel)
        // Two connections, so that the second one's target is not the first in turn.
        _ = bench.send([Self.frame(1), Self.frame(2, port: 40001)])
        let before = Self.target(bench.first.port.sent.last)
        let renewed = association(
            spi: 0xC000_0009, from: "198.51.100.77", to: Example.gateway, .aes256gcm16, remote: "10.71.0.0/24",
            local: "10.72.0.0/24")
        bench.publish(.install(renewed))
        let frame = Example.tunnelFrame(
            number: 1, Example.innerTCP(port: 40001, flags: TCPFlags.ack), under: renewed)
        let moved = bench.send([], [frame])
        #expect(moved.second == [.handedOver])
        #expect(moved.first == [.steered])
        #expect(Self.target(bench.first.port.sent.last) == before)
        // Nor when the peer was gone for a while.
        bench.publish(.remove(renewed.spi, .inbound))
        bench.publish(.remove(Example.tunnel.spi, .inbound))
        _ = bench.send()
        let back = association(
            spi: 0xC000_000A, from: "198.51.100.78", to: Example.gateway, .aes256gcm16, remote: "10.71.0.0/24",
            local: "10.72.0.0/24")
        bench.publish(.install(back))
        let returned = bench.send(
            [], [Example.tunnelFrame(number: 1, Example.innerTCP(port: 40001, flags: TCPFlags.ack), under: back)])
        #expect(returned.first == [.steered])
        #expect(Self.target(bench.first.port.sent.last) == before)
        #expect(bench.first.router.stateSnapshot().connections == 2)
    }

    /// Nothing that is not authentic makes anybody an owner, or changes anything else.
    @Test func unverifiedBytesOwnNothing() {
        var bench = Self.bench(Example.tunnel)
        _ = bench.send()
        let before = (bench.first.router.stateSnapshot(), bench.second.router.stateSnapshot())
        var forged = Self.frame(7)
        forged[forged.count - 1] ^= 1
        var short = Self.frame(8)
        short[short.count - 1] ^= 1
        let none = bench.send([forged, Self.frame(0)], [short])
        #expect(none.first == [.badICV, .sequenceNumberZero])
        #expect(none.second == [.badICV])
        let after = (bench.first.router.stateSnapshot(), bench.second.router.stateSnapshot())
        #expect(before == after)
        // The same numbers, authentic, at the other worker: nothing was used up.
        let right = bench.send([], [Self.frame(7)])
        #expect(right.second == [.steered])
        let owner = bench.desks.crew!.owner(of: 0)
        #expect(owner == 1)
    }

    @Test(arguments: [false, true]) func everyTransformCanBeClaimed(hasESN: Bool) {
        for transform in Transform.allCases {
            let association = association(
                spi: 0xC000_0020, from: Example.client, to: Example.gateway, transform, remote: "10.71.0.0/24",
                local: "10.72.0.0/24", hasESN: hasESN)
            var bench = Self.bench(association)
            let verdicts = bench.send([], [Example.tunnelFrame(number: 3, under: association)])
            #expect(verdicts.second == [.steered], "\(transform)")
            let other = bench.send([Example.tunnelFrame(number: 4, under: association)], [])
            #expect(other.first == [.handedOver], "\(transform)")
            #expect(other.second == [.steered], "\(transform)")
        }
    }

    /// Pieces of one datagram at both workers: one joins them, and the owner gets the whole.
    @Test func fragmentsMeetWhereTheirSenderSays() {
        for owner in [0, 1] {
            var bench = Self.bench(Example.tunnel)
            _ = owner == 0 ? bench.send([Self.frame(1)], []) : bench.send([], [Self.frame(1)])
            let frame = Example.tunnelFrame(number: 2, Example.innerTCP(flags: TCPFlags.ack, payload: 1200))
            let pieces = OuterFragmentTests.pieces(frame, at: [480, 960])
            let verdicts = bench.send([pieces[0], pieces[2]], [pieces[1]])
            let all = verdicts.first + verdicts.second
            #expect(all.filter { $0 == .held }.count == 2)
            #expect(all.filter { $0 == .steered }.count == 1)
            let sent = owner == 0 ? bench.first.port.sent.last : bench.second.port.sent.last
            #expect(sent == Example.encapsulated(OuterFragmentTests.joined(frame), target: 0))
        }
    }

    /// The owner does not take turns: the other's ring fills, and what is left has a name.
    @Test func aFullRingIsCounted() {
        var bench = Self.bench(Example.tunnel)
        _ = bench.send([Self.frame(1)])
        bench.second.port.arriving = (2...1300).map { Self.frame(UInt64($0), flags: TCPFlags.ack) }
        let room = bench.desks.crew!.ringCapacity
        var verdicts: [Verdict] = []
        while !bench.second.port.arriving.isEmpty { verdicts += bench.second.round() }
        #expect(verdicts.filter { $0 == .handedOver }.count == room)
        #expect(verdicts.filter { $0 == .handOverQueueFull }.count == 1299 - room)
        #expect(bench.second.router.counters[.handOverQueueFull] == UInt64(1299 - room))
        // The owner takes half a batch of them a round, and its own queue is heard meanwhile.
        bench.first.port.arriving = [Self.frame(1400, port: 40001)]
        let round = bench.first.round()
        #expect(round.count == PacketBatch.defaultCapacity / 2 + 1)
        #expect(bench.second.port.freeCount == 256)
    }

    /// Where the targets verify nobody can claim: the groups are given out in turns when their SAs come.
    @Test func withoutProofWorkersTakeTurns() {
        var configuration = Example.configuration()
        configuration.verification = .target
        var bench = WorkerBench(configuration)
        let other = association(
            spi: 0xC000_0030, from: "198.51.100.20", to: Example.gateway, .aes128gcm16, remote: "10.71.1.0/24",
            local: "10.72.0.0/24")
        bench.publish(.install(Example.tunnel))
        bench.publish(.install(other))
        let inner = Example.innerTCP(source: "10.71.1.1")
        let verdicts = bench.send([Self.frame(1), Example.tunnelFrame(number: 1, inner, under: other)], [])
        #expect(verdicts.first == [.steered, .handedOver])
        #expect(verdicts.second == [.steered])
    }

    /// What a target says of a flow is entered where the flow's packets are.
    @Test func reportsGoToTheOwner() {
        var bench = Self.bench(Example.tunnel)
        _ = bench.send([], [Self.frame(1)])
        let name = ConnectionName(
            remote: address("10.71.0.9"), local: address(Example.dvipa), remotePort: 5000, localPort: 80,
            ipProtocol: 6)
        bench.publish(.alive(name, target: "t3"))
        _ = bench.send()
        #expect(bench.first.router.stateSnapshot().connections == 0)
        #expect(bench.second.router.connectionsByTarget() == [1, 0, 1])
        bench.publish(.closed(name, target: "t3"))
        _ = bench.send()
        #expect(bench.second.router.stateSnapshot().connections == 2)
    }

    /// One that runs alone has no ring and no owner to ask for.
    @Test func aloneNothingIsHandedOver() {
        let desks = WorkerDesks(count: 1, associationCapacity: 16)
        #expect(desks.crew == nil)
        #expect(desks.offer(.install(Example.tunnel)))
        #expect(desks.desks[0].inbox.takeAll().count == 1)
        #expect(desks.prepare(Example.tunnel).workerGroup == -1)
    }
}
