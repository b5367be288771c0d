import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// What a target tells where targets verify: the router knows nothing else (docs/verification.md).
@Suite struct WitnessTests {
    private struct Talk: ~Copyable {
        var bench: HostBench
        var number: UInt64 = 0
        var seconds: UInt64 = 1000
        var now: UInt64 { seconds * 1_000_000_000 }

        init(_ verification: Verification = .target) {
            var configuration = Example.targetConfiguration()
            configuration.verification = verification
            bench = Example.target(configuration)
            try! bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1 << 40)))
        }

        mutating func comes(_ flags: UInt8, port: UInt16 = 40000) {
            number += 1
            let frame = Example.tunnelFrame(number: number, Example.innerTCP(port: port, flags: flags))
            #expect(bench.open(Example.wrapped(frame), now: now).verdict == .delivered)
        }

        mutating func goes(_ flags: UInt8, port: UInt16 = 40000) {
            let packet = ipv4(
                from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, port, flags: flags))
            #expect(bench.seal(packet, now: now).verdict == .sealed)
        }

        mutating func comesUDP() {
            number += 1
            let inner = ipv4(from: Example.inner, to: Example.dvipa, protocol: 17, udp(5000, 53, [1]))
            _ = bench.open(Example.wrapped(Example.tunnelFrame(number: number, inner)), now: now)
        }

        mutating func goesUDP() {
            _ = bench.seal(
                ipv4(from: Example.dvipa, to: Example.inner, protocol: 17, udp(53, 5000, [1])), now: now)
        }

        /// Kinds and remote ports.
        mutating func told() -> [String] {
            bench.host.takeConnectionEvents().map { "\($0.kind) \($0.connection.remotePort)" }
        }

        mutating func verified() -> [VerifiedNumbers] {
            var place = 0
            return bench.host.takeVerifiedNumbers(from: &place, count: 1000)
        }
    }

    private let synACK = TCPFlags.syn | TCPFlags.ack

    @Test func aConnectionIsToldWhenItsClientHasAnsweredAndThenNowAndThen() {
        var talk = Talk()
        talk.comes(TCPFlags.syn)
        talk.goes(synACK)
        var told = talk.told()
        #expect(told == [], "a SYN and its answer are told nobody: who floods fills no table")
        talk.comes(TCPFlags.ack)
        talk.comes(TCPFlags.ack)
        told = talk.told()
        #expect(told == ["opened 40000"])
        talk.seconds += 2399
        talk.comes(TCPFlags.ack)
        told = talk.told()
        #expect(told == [])
        talk.seconds += 1
        talk.goes(TCPFlags.ack)
        talk.comes(TCPFlags.ack)
        told = talk.told()
        #expect(told == ["opened 40000"])
        // One end is over, and the other goes on for long.
        talk.goes(TCPFlags.fin | TCPFlags.ack)
        talk.seconds += 100
        talk.comes(TCPFlags.ack)
        talk.comes(TCPFlags.rst)
        told = talk.told()
        #expect(told == ["closed 40000"])
    }

    @Test func whoNeverAnsweredIsNotToldAtAll() {
        var talk = Talk()
        talk.comes(TCPFlags.syn, port: 1)
        talk.goes(synACK, port: 1)
        talk.comes(TCPFlags.rst, port: 1)
        talk.comes(TCPFlags.syn, port: 2)
        talk.goes(synACK, port: 2)
        talk.seconds += 200
        for _ in 0..<20_000 { _ = talk.bench.open([Bytes](), now: talk.now) }
        let told = talk.told()
        #expect(told == [])
    }

    @Test func aFlowIsToldWhenItsClientSendsAgain() {
        var talk = Talk()
        talk.comesUDP()
        talk.goesUDP()
        var told = talk.told()
        #expect(told == [], "a question and its answer")
        talk.comesUDP()
        talk.comesUDP()
        talk.goesUDP()
        told = talk.told()
        #expect(told == ["opened 5000"])
        talk.seconds += 60
        talk.comesUDP()
        talk.goesUDP()
        told = talk.told()
        #expect(told == ["opened 5000"])
    }

    @Test func aNewRouterIsToldAll() {
        var talk = Talk()
        for port in UInt16(1)...3 {
            talk.comes(TCPFlags.syn, port: port)
            talk.goes(synACK, port: port)
            if port < 3 { talk.comes(TCPFlags.ack, port: port) }
        }
        var told = talk.told()
        var numbers = talk.verified()
        #expect(told == ["opened 1", "opened 2"])
        #expect(numbers == [VerifiedNumbers(spi: Example.tunnel.spi, highest: 5, words: [0b11_1110])])
        told = talk.told()
        numbers = talk.verified()
        #expect(told == [] && numbers == [])
        talk.bench.host.tellAgain()
        told = talk.told().sorted()
        numbers = talk.verified()
        #expect(told == ["opened 1", "opened 2"])
        #expect(numbers.map(\.highest) == [5])
        told = talk.told()
        #expect(told == [])
    }

    /// Many are told little by little, and each once.
    @Test func allAreToldLittleByLittle() {
        var talk = Talk()
        for port in UInt16(1)...3000 {
            talk.comes(TCPFlags.syn, port: port)
            talk.goes(synACK, port: port)
            talk.comes(TCPFlags.ack, port: port)
        }
        _ = talk.told()
        talk.bench.host.tellAgain()
        var told: [String] = []
        for _ in 0..<3 {
            let some = talk.told()
            #expect(some.count <= TrackedConnections.retellCount)
            told += some
        }
        #expect(Set(told).count == 3000 && told.count == 3000)
    }

    @Test func windowsAreToldWhenTheyMoveAndAnewForANewSA() throws {
        var talk = Talk()
        talk.comes(TCPFlags.ack)
        var numbers = talk.verified()
        #expect(numbers.map(\.highest) == [1])
        talk.number = 200
        talk.comes(TCPFlags.ack)
        numbers = talk.verified()
        #expect(numbers == [VerifiedNumbers(spi: Example.tunnel.spi, highest: 201, words: [1 << 9, 0])])
        // What is refused tells nothing.
        let forged = Example.tunnelFrame(number: 300, espFault: ESPFault(otherKey: true))
        #expect(talk.bench.open(Example.wrapped(forged), now: talk.now).verdict == .badICV)
        numbers = talk.verified()
        #expect(numbers == [])
        // Another SA of the same SPI, with as many packets.
        try talk.bench.host.apply(.install(Example.tunnel))
        talk.number = 6
        talk.comes(TCPFlags.ack)
        talk.comes(TCPFlags.ack)
        numbers = talk.verified()
        #expect(numbers.map(\.highest) == [8])
    }

    @Test func whereTheRouterVerifiesNothingIsTold() {
        var talk = Talk(.router)
        talk.comes(TCPFlags.syn)
        talk.goes(synACK)
        let told = talk.told()
        #expect(told == ["opened 40000"])
        talk.bench.host.tellAgain()
        let again = talk.told()
        let numbers = talk.verified()
        #expect(again == [] && numbers == [])
    }
}
