import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// What a target says of its connections: opened when its TCP answered, closed when both FINs were acknowledged or one
/// side reset it.
@Suite struct ConnectionEventTests {
    private static let server: UInt32 = 5000
    private static let client: UInt32 = 90_000

    /// One client's connection to the target, segment by segment.
    private struct Conversation: ~Copyable {
        var bench: HostBench
        var number: UInt64 = 0
        var now: UInt64 = 1_000_000_000

        init(connectionCapacity: Int = 64) {
            var configuration = Example.targetConfiguration()
            configuration.connectionCapacity = connectionCapacity
            bench = Example.target(configuration)
            try! bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1 << 40)))
            try! bench.host.apply(.lease(Example.outTransport.spi, Example.lease(1, 1 << 40)))
        }

        mutating func comes(
            _ flags: UInt8, _ sequence: UInt32 = client, ack: UInt32 = server, payload: Int = 0, port: UInt16 = 40000,
            forged: Bool = false
        ) {
            number += 1
            let segment = segment(port, 80, flags, sequence, ack, payload)
            let inner = ipv4(from: Example.inner, to: Example.dvipa, protocol: 6, segment)
            let frame = Example.tunnelFrame(number: number, inner, espFault: ESPFault(otherKey: forged))
            #expect(bench.open(Example.wrapped(frame), now: now).verdict == (forged ? .badICV : .delivered))
        }

        mutating func goes(
            _ flags: UInt8, _ sequence: UInt32 = server, ack: UInt32 = client, payload: Int = 0, port: UInt16 = 40000
        ) {
            let segment = segment(80, port, flags, sequence, ack, payload)
            let packet = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, segment)
            #expect(bench.seal(packet, now: now).verdict == .sealed)
        }

        private func segment(
            _ source: UInt16, _ destination: UInt16, _ flags: UInt8, _ sequence: UInt32, _ ack: UInt32, _ payload: Int
        ) -> Bytes {
            var segment = tcp(source, destination, flags: flags, Bytes(repeating: 1, count: payload))
            segment.replaceSubrange(4..<12, with: bigEndian(sequence) + bigEndian(ack))
            return segment
        }

        /// SYN, SYN|ACK, ACK.
        mutating func open(_ port: UInt16 = 40000) {
            comes(TCPFlags.syn, client - 1, port: port)
            goes(TCPFlags.syn | TCPFlags.ack, server - 1, port: port)
            comes(TCPFlags.ack, port: port)
        }

        mutating func events() -> [ConnectionEvent] { bench.host.takeConnectionEvents() }

        /// Empty rounds in which the walk comes by every entry.
        mutating func wait(seconds: UInt64) {
            now += seconds * 1_000_000_000
            for _ in 0..<100 { _ = bench.open([Bytes](), now: now) }
        }
    }

    private func event(_ kind: ConnectionEvent.Kind, _ port: UInt16 = 40000) -> ConnectionEvent {
        ConnectionEvent(
            ConnectionName(
                remote: address(Example.inner), local: address(Example.dvipa), remotePort: port, localPort: 80,
                ipProtocol: 6), kind)
    }

    private let finACK = TCPFlags.fin | TCPFlags.ack

    @Test func theClientClosesFirst() {
        var talk = Conversation()
        talk.comes(TCPFlags.syn, Self.client - 1)
        #expect(talk.events() == [], "nobody has answered")
        talk.goes(TCPFlags.syn | TCPFlags.ack, Self.server - 1)
        #expect(talk.events() == [event(.opened)])
        talk.goes(TCPFlags.syn | TCPFlags.ack, Self.server - 1)
        talk.comes(TCPFlags.ack)
        talk.comes(TCPFlags.ack, payload: 100)
        talk.goes(TCPFlags.ack, ack: Self.client + 100, payload: 300)
        talk.comes(finACK, Self.client + 100, ack: Self.server + 300)
        talk.goes(TCPFlags.ack, Self.server + 300, ack: Self.client + 100)
        talk.goes(finACK, Self.server + 300, ack: Self.client + 101)
        talk.comes(TCPFlags.ack, Self.client + 101, ack: Self.server + 300)
        #expect(talk.events() == [], "the last byte is acknowledged, the FIN is not")
        talk.comes(TCPFlags.ack, Self.client + 101, ack: Self.server + 301)
        #expect(talk.events() == [event(.closed)])
        talk.comes(finACK, Self.client + 100, ack: Self.server + 301)
        talk.goes(TCPFlags.ack, Self.server + 301, ack: Self.client + 101)
        #expect(talk.events() == [], "what is sent again opens and closes nothing")
    }

    @Test func theServerClosesFirstAndNumbersGoRound() {
        var talk = Conversation()
        talk.open()
        let last = UInt32.max
        talk.goes(finACK, last - 9, payload: 10)
        talk.comes(TCPFlags.ack, ack: 0)
        talk.comes(finACK, ack: 1)
        #expect(talk.events() == [event(.opened)])
        talk.goes(TCPFlags.ack, 1, ack: Self.client + 1)
        #expect(talk.events() == [event(.closed)])
    }

    @Test func aResetOfEitherSideCloses() {
        var talk = Conversation()
        talk.open()
        talk.comes(TCPFlags.rst)
        talk.open(40001)
        talk.goes(TCPFlags.rst, port: 40001)
        #expect(talk.events() == [event(.opened), event(.closed), event(.opened, 40001), event(.closed, 40001)])
        talk.comes(TCPFlags.rst)
        talk.goes(TCPFlags.rst | TCPFlags.ack, port: 40002)
        #expect(talk.events() == [], "a refused SYN was no connection")
    }

    @Test func whatIsNotAuthenticClosesNothing() {
        var talk = Conversation()
        talk.open()
        talk.comes(TCPFlags.rst, forged: true)
        talk.number -= 1
        talk.comes(TCPFlags.ack)
        #expect(talk.events() == [event(.opened)])
        talk.comes(TCPFlags.rst)
        #expect(talk.events() == [event(.closed)])
    }

    @Test func theSilentAgeOut() {
        var talk = Conversation()
        talk.comes(TCPFlags.syn, Self.client - 1)
        talk.goes(TCPFlags.syn | TCPFlags.ack, Self.server - 1)
        talk.open(40001)
        talk.open(40002)
        talk.comes(finACK, port: 40002)
        _ = talk.events()
        talk.wait(seconds: 75)
        #expect(talk.events() == [])
        talk.wait(seconds: 1)
        #expect(talk.events() == [event(.closed)], "nobody answered the answer")
        talk.wait(seconds: 45)
        #expect(talk.events() == [event(.closed, 40002)])
        talk.wait(seconds: 7200)
        talk.comes(TCPFlags.rst, port: 40001)
        #expect(talk.events() == [], "forgotten: it may live, but nobody follows it")
    }

    @Test func numbersThatComeAgainAreAnotherConnection() {
        var talk = Conversation()
        talk.open()
        talk.comes(finACK)
        talk.open()
        talk.comes(TCPFlags.rst)
        #expect(talk.events() == [event(.opened), event(.opened), event(.closed)])
    }

    /// Transport mode, where the header that names the addresses is the outer one.
    @Test func transportModeIsFollowedToo() {
        var talk = Conversation()
        let answer = ipv4(
            from: Example.outerDVIPA, to: Example.client, protocol: 6,
            tcp(80, 40000, flags: TCPFlags.syn | TCPFlags.ack))
        #expect(talk.bench.seal(answer).verdict == .sealed)
        let frame = Example.transportFrame(number: 1, tcp(40000, 80, flags: TCPFlags.rst))
        #expect(talk.bench.open(Example.wrapped(frame)).verdict == .delivered)
        let name = ConnectionName(
            remote: address(Example.client), local: address(Example.outerDVIPA), remotePort: 40000, localPort: 80,
            ipProtocol: 6)
        #expect(talk.events() == [ConnectionEvent(name, .opened), ConnectionEvent(name, .closed)])
    }

    @Test func whatThereIsNoRoomForIsCounted() {
        var talk = Conversation(connectionCapacity: 16)
        for port in UInt16(1)...40 { talk.open(port) }
        #expect(talk.events().count == 32, "as many as are kept between two calls")
        let unheard = talk.bench.host.omittedConnectionEvents
        #expect(unheard >= 8 + 24)
        // Those that were followed end; the others do so unheard.
        for port in UInt16(1)...40 { talk.comes(TCPFlags.rst, port: port) }
        let closed = talk.events()
        #expect(closed.count <= 16 && closed.count >= 10 && closed.allSatisfy { $0.kind == .closed })
        #expect(talk.bench.host.omittedConnectionEvents == unheard)
    }

    /// Thousands of connections at random beside a plain model.
    @Test func aModelSaysTheSame() {
        for seed in 0..<4 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var talk = Conversation(connectionCapacity: 1024)
            var open: Set<UInt16> = []
            for _ in 0..<1500 {
                let port = UInt16.random(in: 1...300, using: &generator)
                if !open.contains(port) {
                    talk.open(port)
                    open.insert(port)
                    #expect(talk.events() == [event(.opened, port)])
                } else if generator.once(in: 2) {
                    talk.comes(TCPFlags.ack, payload: 10, port: port)
                    talk.goes(TCPFlags.ack, payload: 10, port: port)
                    #expect(talk.events() == [])
                } else {
                    if generator.once(in: 2) {
                        talk.comes(TCPFlags.rst, port: port)
                    } else {
                        talk.goes(finACK, port: port)
                        talk.comes(finACK, ack: Self.server + 1, port: port)
                        talk.goes(TCPFlags.ack, Self.server + 1, ack: Self.client + 1, port: port)
                    }
                    open.remove(port)
                    #expect(talk.events() == [event(.closed, port)])
                }
            }
            #expect(talk.bench.host.omittedConnectionEvents == 0)
        }
    }

    /// An endpoint has no router to tell.
    @Test func anEndpointFollowsNothing() {
        var client = Example.endpoint()
        let frame = ipv4(
            from: Example.gateway, to: Example.client, protocol: 50,
            esp(
                Example.outTunnel, number: 1, nextHeader: 4,
                ipv4(
                    from: Example.dvipa, to: Example.inner, protocol: 6,
                    tcp(80, 40000, flags: TCPFlags.syn | TCPFlags.ack))))
        #expect(client.open(frame).verdict == .delivered)
        #expect(client.host.takeConnectionEvents() == [])
    }
}
