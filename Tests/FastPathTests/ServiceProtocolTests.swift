import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// Services that are not TCP: UDP and others with ports, and protocols without.
@Suite struct ServiceProtocolTests {
    private static func configuration(_ steering: Steering = Steering()) -> RouterConfiguration {
        var configuration = Example.configuration()
        let names = Example.targets.map(\.name)
        func service(_ name: String, _ ipProtocol: UInt8, _ ports: [ClosedRange<UInt16>]) -> Service {
            Service(
                name: name, dvipa: address(Example.dvipa), ipProtocol: ipProtocol, ports: ports, targets: names,
                steering: steering)
        }
        configuration.services += [
            service("dns", 17, [53...53, 5060...5070]), service("signalling", 132, [2905...2905]),
            service("gre", 47, []),
        ]
        configuration.connectionCapacity = 1024
        return configuration
    }

    private struct Traffic: ~Copyable {
        var bench: RouterBench
        var number: UInt64 = 0

        init(_ configuration: RouterConfiguration = ServiceProtocolTests.configuration()) {
            bench = Example.bench(.openSSL, configuration)
        }

        mutating func send(
            _ ipProtocol: UInt8, _ payload: Bytes, from source: String = Example.inner, options: Bytes = []
        ) -> Outcome {
            number += 1
            let inner = ipv4(
                from: source, to: Example.dvipa, protocol: ipProtocol, payload, options: options)
            return bench.send(Example.tunnelFrame(number: number, inner))
        }

        mutating func ask(_ port: UInt16, to destination: UInt16 = 53, from source: String = Example.inner) -> Outcome {
            send(17, udp(port, destination, [1, 2, 3]), from: source)
        }

        mutating func stand(_ target: String, _ state: TargetStanding.State) {
            try! bench.router.apply(.standing(target: target, TargetStanding(state: state)))
        }
    }

    @Test(arguments: Provider.available) func aDatagramGoesToATargetByteForByte(_ provider: Provider) {
        var bench = Example.bench(provider, Self.configuration())
        for (index, payload) in [0, 1, 30, 500].enumerated() {
            let inner = ipv4(
                from: Example.inner, to: Example.dvipa, protocol: 17,
                udp(5353, 53, Bytes(repeating: 7, count: payload)))
            let frame = Example.tunnelFrame(number: UInt64(index + 1), inner)
            let outcome = bench.send(frame)
            #expect(outcome.verdict == .steered)
            #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
            #expect(
                outcome.flow
                    == Flow(
                        remote: address(Example.inner), local: address(Example.dvipa), remotePort: 5353, localPort: 53,
                        ipProtocol: 17))
        }
    }

    @Test func eachNewFlowTakesATurnAndStays() {
        var traffic = Traffic()
        let first = (1...6).map { traffic.ask($0).target }
        #expect(first == [0, 1, 2, 0, 1, 2])
        #expect((1...6).map { traffic.ask($0).target } == first)
        #expect(traffic.ask(1, to: 5060).target == 0, "another port of the service is another flow")
        #expect(traffic.bench.router.connectionsByTarget() == [3, 2, 2])
    }

    @Test func protocolsDoNotMix() {
        var traffic = Traffic()
        #expect(traffic.send(6, tcp(1, 53, flags: TCPFlags.syn)).verdict == .noService)
        #expect(traffic.ask(1, to: 80).verdict == .noService)
        #expect(traffic.send(132, udp(1, 2905, [1, 2, 3, 4])).verdict == .steered)
        #expect(traffic.send(132, udp(1, 2906, [1, 2, 3, 4])).verdict == .noService)
        #expect(traffic.send(132, udp(1, 2905)).verdict == .malformedInner, "SCTP's header has 12 bytes")
        #expect(traffic.send(17, Bytes(udp(1, 53).prefix(6))).verdict == .malformedInner)
        #expect(traffic.send(50, udp(1, 53)).verdict == .noService)
        #expect(traffic.send(17, udp(1, 53), options: Bytes(repeating: 1, count: 40)).verdict == .steeredWithOptions)
    }

    /// What the configuration says has ports is what the packet path reads them of.
    @Test func thePacketPathReadsPortsWhereTheConfigurationHasThem() {
        for number in UInt8.min...UInt8.max {
            #expect((IPProtocol.portsByteCount(number) > 0) == TransportProtocol.hasPorts(number))
        }
    }

    @Test func aProtocolWithoutPortsIsAFlowByAddress() {
        var traffic = Traffic()
        let clients = (1...6).map { "10.71.0.\($0)" }
        let first = clients.map { traffic.send(47, [], from: $0).target }
        #expect(first == [0, 1, 2, 0, 1, 2])
        #expect(clients.map { traffic.send(47, [9, 9, 9, 9], from: $0).target } == first)
        #expect(traffic.bench.router.connectionsByTarget() == [2, 2, 2])
    }

    @Test func aLostTargetsFlowsMoveAndOthersStay() {
        var traffic = Traffic()
        let before = (1...30).map { traffic.ask($0).target! }
        traffic.stand("t2", .lost)
        let after = (1...30).map { traffic.ask($0).target! }
        for (was, now) in zip(before, after) { #expect(was == 1 ? now != 1 : now == was) }
        #expect((1...30).map { traffic.ask($0).target! } == after)
        traffic.stand("t2", .serving)
        #expect((1...30).map { traffic.ask($0).target! } == after, "what lives does not go back")
    }

    // MARK: Idle

    @Test func aFlowIsForgottenSoonerThanAConnection() {
        var traffic = Traffic()
        #expect(traffic.ask(1).target == 0)
        #expect(traffic.ask(1).target == 0)
        #expect(traffic.send(6, tcp(1, 80, flags: TCPFlags.syn)).verdict == .steered)
        #expect(traffic.send(6, tcp(1, 80)).verdict == .steered)
        func wait(_ seconds: UInt32) -> [Int] {
            traffic.bench.now += seconds
            for _ in 0..<600 { _ = traffic.send(6, tcp(9, 22)) }
            return traffic.bench.router.connectionsByTarget()
        }
        #expect(wait(300) == [2, 0, 0])
        #expect(wait(1) == [1, 0, 0])
    }

    /// Its only packet says little: nobody may have answered.
    @Test func aFlowOfOnePacketIsForgottenSooner() {
        var traffic = Traffic()
        #expect(traffic.ask(1).target == 0)
        traffic.bench.now += 61
        #expect(traffic.ask(2).target == 1)
        #expect(traffic.bench.router.connectionsByTarget() == [0, 1, 0])
    }

    /// The target still sends, which the router cannot see.
    @Test func whatItsTargetCallsAliveLives() {
        var traffic = Traffic()
        #expect((1...2).map { traffic.ask($0).target } == [0, 1])
        #expect((1...2).map { traffic.ask($0).target } == [0, 1])
        func alive(_ port: UInt16, _ target: String) {
            let name = ConnectionName(
                remote: address(Example.inner), local: address(Example.dvipa), remotePort: port, localPort: 53,
                ipProtocol: 17)
            try! traffic.bench.router.apply(.alive(name, target: target))
        }
        for round in 0..<4 {
            traffic.bench.now += 200
            _ = traffic.send(6, tcp(9, 22))  // The clock goes with the batches.
            alive(1, "t1")
            if round == 0 { alive(2, "t1") }  // Another target's: it has no say.
            for _ in 0..<600 { _ = traffic.send(6, tcp(9, 22)) }
        }
        #expect(traffic.ask(1).target == 0)
        #expect(traffic.bench.router.connectionsByTarget() == [1, 0, 0])
        alive(77, "t3")
        #expect(traffic.ask(77).target == 2, "a flow of before this router, where it was")
        alive(78, "nobody")
        traffic.stand("t2", .lost)
        alive(79, "t2")
        #expect(traffic.bench.router.connectionsByTarget() == [1, 0, 1])
    }

    // MARK: The target

    @Test func theTargetDeliversAndAnswersInUDP() throws {
        var bench = Example.target(Example.targetConfiguration())
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1 << 40)))
        let question = ipv4(from: Example.inner, to: Example.dvipa, protocol: 17, udp(5353, 53, [1, 2, 3]))
        let result = bench.open(Example.wrapped(Example.tunnelFrame(number: 1, question)), now: 0)
        #expect(result == HostBench.Result(verdict: .delivered, bytes: question))
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 17, udp(53, 5353, [3, 2, 1]))
        #expect(bench.seal(answer, now: 0).verdict == .sealed)
        #expect(bench.host.takeConnectionEvents().isEmpty, "the router has seen the question itself")
    }

    /// It says so only while the client is silent, once a minute, and forgets a flow in which nobody sends.
    @Test func theTargetSaysThatAFlowGoesOn() throws {
        var configuration = Example.targetConfiguration()
        configuration.connectionCapacity = 64
        var bench = Example.target(configuration)
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1 << 40)))
        var number: UInt64 = 0
        func comes(at second: UInt64) {
            number += 1
            let inner = ipv4(from: Example.inner, to: Example.dvipa, protocol: 17, udp(5353, 53))
            let verdict = bench.open(
                Example.wrapped(Example.tunnelFrame(number: number, inner)), now: second * 1_000_000_000
            ).verdict
            #expect(verdict == .delivered)
        }
        func goes(at second: UInt64) -> [ConnectionEvent] {
            let packet = ipv4(from: Example.dvipa, to: Example.inner, protocol: 17, udp(53, 5353))
            #expect(bench.seal(packet, now: second * 1_000_000_000).verdict == .sealed)
            return bench.host.takeConnectionEvents()
        }
        let alive = ConnectionEvent(
            ConnectionName(
                remote: address(Example.inner), local: address(Example.dvipa), remotePort: 5353, localPort: 53,
                ipProtocol: 17), .opened)
        comes(at: 100)
        #expect(goes(at: 100) == [])
        for second in stride(from: UInt64(110), through: 159, by: 10) { #expect(goes(at: second) == []) }
        #expect(goes(at: 160) == [alive])
        #expect(goes(at: 219) == [])
        #expect(goes(at: 220) == [alive])
        comes(at: 230)
        #expect(goes(at: 289) == [])
        #expect(goes(at: 290) == [alive])
        for _ in 0..<100 { _ = bench.open([Bytes](), now: 591 * 1_000_000_000) }
        #expect(goes(at: 700) == [], "it was forgotten, and begins anew")
    }
}
