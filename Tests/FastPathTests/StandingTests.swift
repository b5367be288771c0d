import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// What a router sends to a target that serves, drains, is quiesced or lost.
@Suite struct StandingTests {
    /// Connections by their ports, and where each went.
    private struct Traffic: ~Copyable {
        var bench: RouterBench
        var number: UInt64 = 0
        var targets: [UInt16: Int] = [:]

        init(_ configuration: RouterConfiguration = Example.configuration()) {
            bench = Example.bench(.openSSL, configuration)
        }

        mutating func send(_ port: UInt16, _ flags: UInt8 = TCPFlags.ack) -> Outcome {
            number += 1
            return bench.send(Example.tunnelFrame(number: number, Example.innerTCP(port: port, flags: flags)))
        }

        mutating func open(_ ports: Range<UInt16>) {
            for port in ports { targets[port] = send(port, TCPFlags.syn).target }
        }

        mutating func stand(_ target: String, _ state: TargetStanding.State, weight: UInt16 = 1) {
            try! bench.router.apply(.standing(target: target, TargetStanding(state: state, weight: weight)))
        }

        func count(_ target: Int) -> Int { bench.router.connectionsByTarget()[target] }
    }

    private static func roomy() -> RouterConfiguration {
        var configuration = Example.configuration()
        configuration.connectionCapacity = 4096
        return configuration
    }

    @Test func drainingKeepsWhatThereIsAndTakesNothingNew() {
        var traffic = Traffic()
        traffic.open(1..<10)
        traffic.stand("t2", .draining)
        for port in UInt16(1)..<10 { #expect(traffic.send(port).target == traffic.targets[port]) }
        traffic.open(10..<20)
        #expect((UInt16(10)..<20).allSatisfy { traffic.targets[$0] != 1 })
        #expect(
            (UInt16(20)..<40).allSatisfy { traffic.send($0).target != 1 }, "older than the router, not older than it")
        #expect(traffic.count(1) == 3)
        traffic.stand("t2", .serving)
        traffic.open(40..<43)
        #expect(traffic.count(1) == 4)
    }

    @Test func quiescedRefusesByNameAndKeepsTheirPlaces() {
        var traffic = Traffic()
        traffic.open(1..<10)
        traffic.stand("t2", .quiesced)
        let before = traffic.bench.router.stateSnapshot().connections
        for port in UInt16(1)..<10 {
            #expect(traffic.send(port).verdict == (traffic.targets[port] == 1 ? .targetQuiesced : .steered))
            #expect(
                traffic.send(port, TCPFlags.syn).verdict == (traffic.targets[port] == 1 ? .targetQuiesced : .steered))
        }
        #expect(traffic.bench.router.stateSnapshot().connections == before)
        #expect(traffic.bench.router.counters.snapshot()["targetQuiesced"] == 6)
        traffic.stand("t2", .draining)
        for port in UInt16(1)..<10 { #expect(traffic.send(port).target == traffic.targets[port]) }
    }

    @Test func losingATargetMovesOnlyItsOwnConnections() {
        var traffic = Traffic(Self.roomy())
        traffic.open(1..<2000)
        traffic.stand("t2", .lost)
        #expect(traffic.count(1) == 0)
        var moved: Set<Int> = []
        for port in UInt16(1)..<2000 {
            let was = traffic.targets[port]
            let now = traffic.send(port).target
            #expect(was == 1 ? now != nil && now != 1 : now == was)
            if was == 1 { moved.insert(now!) }
            #expect(traffic.send(port).target == now, "it stays where it went")
        }
        #expect(moved == [0, 2])
        #expect(traffic.bench.router.stateSnapshot().connections == 1999)
    }

    /// It comes back before its old entries are swept away: they are not its connections any more.
    @Test func whoReturnsBeginsAnew() {
        var traffic = Traffic(Self.roomy())
        traffic.open(1..<2000)
        let agreed = (UInt16(1)..<2000).map { traffic.targets[$0] }
        #expect(Set(agreed).count == 3)
        traffic.stand("t2", .lost)
        traffic.stand("t2", .serving)
        #expect(traffic.count(1) == 0)
        // A connection of before goes where one without an entry goes: every router would choose so.
        var other = Traffic(Self.roomy())
        for port in UInt16(1)..<2000 where traffic.targets[port] == 1 {
            #expect(traffic.send(port).target == other.send(port).target)
        }
        traffic.open(3000..<3300)
        #expect((UInt16(3000)..<3300).count { traffic.targets[$0] == 1 } == 100)
        for port in (UInt16(1)..<2000) where traffic.targets[port] != 1 {
            #expect(traffic.send(port).target == traffic.targets[port])
        }
        for port in UInt16(3000)..<3300 { #expect(traffic.send(port).target == traffic.targets[port]) }
        // Nothing of before is left: its packets go the short way again.
        #expect(traffic.bench.router.connections.formerCount == 0)
        #expect(traffic.bench.router.targets[1].isPlain)
    }

    /// The sweep is a bounded part of each batch, and ends.
    @Test func theEntriesOfALostTargetGoByAndBy() {
        var traffic = Traffic(Self.roomy())
        traffic.open(1..<3000)
        let before = traffic.bench.router.stateSnapshot().connections
        let lost = traffic.count(0)
        traffic.stand("t1", .lost)
        let other = (UInt16(1)..<3000).first { traffic.targets[$0] == 1 }!
        for _ in 0..<20 { _ = traffic.send(other) }
        #expect(traffic.bench.router.stateSnapshot().connections == before - lost)
    }

    @Test func noTargetWhenNobodyMayTakeConnections() {
        var traffic = Traffic()
        traffic.open(1..<4)
        traffic.stand("t1", .draining)
        traffic.stand("t2", .quiesced)
        traffic.stand("t3", .lost)
        #expect(traffic.send(10, TCPFlags.syn).verdict == .noTarget)
        #expect(traffic.send(11).verdict == .noTarget)
        #expect([1, 2, 3].map { traffic.send($0).verdict } == [.steered, .targetQuiesced, .noTarget])
        traffic.stand("nobody", .serving)
        traffic.stand("t3", .serving)
        #expect(traffic.send(3).target == 2)
    }

    @Test func weightsShareNewConnections() {
        var traffic = Traffic(Self.roomy())
        traffic.stand("t1", .serving, weight: 3)
        traffic.stand("t2", .serving, weight: 1)
        traffic.stand("t3", .serving, weight: 0)
        traffic.open(1..<2001)
        #expect((1470...1530).contains(traffic.count(0)) && (490...510).contains(traffic.count(1)))
        #expect(traffic.count(2) == 0)
    }

    /// Standings change at random under traffic: a connection is where it was unless its target was lost in between.
    @Test func aConnectionMovesOnlyWhenItsTargetWasLost() {
        for seed in 0..<10 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var traffic = Traffic(Self.roomy())
            var states = Array(repeating: TargetStanding.State.serving, count: 3)
            traffic.open(1..<400)
            for _ in 0..<150 {
                let target = Int.random(in: 0..<3, using: &generator)
                let state = [TargetStanding.State.serving, .serving, .draining, .quiesced, .lost]
                    .randomElement(using: &generator)!
                states[target] = state
                traffic.stand("t\(target + 1)", state, weight: UInt16.random(in: 0...3, using: &generator))
                if state == .lost { traffic.targets = traffic.targets.filter { $0.value != target } }
                for _ in 0..<20 {
                    let port = UInt16.random(in: 1..<400, using: &generator)
                    let outcome = traffic.send(port)
                    if let known = traffic.targets[port] {
                        #expect(
                            states[known] == .quiesced ? outcome.verdict == .targetQuiesced : outcome.target == known)
                    } else if let chosen = outcome.target {
                        #expect(states[chosen] == .serving)
                        traffic.targets[port] = chosen
                    } else {
                        #expect(outcome.verdict == .noTarget && !states.contains(.serving))
                    }
                }
                for target in 0..<3 { #expect(traffic.count(target) == traffic.targets.values.count { $0 == target }) }
            }
        }
    }

    // MARK: Connections that are over

    @Test func aClosedConnectionHasOnlyTheTimeOfOneThatCloses() {
        var traffic = Traffic()
        traffic.open(1..<4)
        for port in UInt16(1)..<4 { _ = traffic.send(port) }
        func name(_ port: UInt16, _ destination: String = Example.dvipa) -> ConnectionName {
            ConnectionName(
                remote: address(Example.inner), local: address(destination), remotePort: port, localPort: 80,
                ipProtocol: 6)
        }
        func close(_ port: UInt16, _ target: String) {
            try! traffic.bench.router.apply(.closed(name(port), target: target))
        }
        close(1, "t1")
        close(2, "t1")  // Another target serves it.
        close(99, "t1")  // Nobody knows it.
        try! traffic.bench.router.apply(.closed(name(3, "10.72.0.99"), target: "t3"))
        try! traffic.bench.router.apply(.closed(name(3), target: "nobody"))
        #expect(traffic.send(1).target == 0, "its last segments still find it")
        traffic.bench.now += 121
        for _ in 0..<60 { _ = traffic.send(2) }
        #expect(traffic.bench.router.connectionsByTarget() == [0, 1, 1])
    }
}
