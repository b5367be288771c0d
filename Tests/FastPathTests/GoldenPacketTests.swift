import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// For every verdict a packet that gets it, built in words: packet in, packet out or verdict, and the counter.
@Suite struct GoldenPacketTests {
    /// Sends one frame to a fresh router and checks its verdict, that exactly its counter moved, and that a refused frame
    /// lies there as it came.
    private func expect(_ verdict: Verdict, _ frame: Bytes, sourceLocation: SourceLocation = #_sourceLocation) {
        for provider in Provider.available {
            var bench = Example.bench(provider)
            let outcome = bench.send(frame)
            #expect(outcome.verdict == verdict, "\(provider)", sourceLocation: sourceLocation)
            let counted = bench.router.counters.snapshot()
            #expect(counted == [verdict.name: 1], sourceLocation: sourceLocation)
            if !verdict.steers { #expect(outcome.bytes == frame, sourceLocation: sourceLocation) }
        }
    }

    // MARK: Steered

    @Test(arguments: Provider.available) func tunnelModeGoesToTheFirstTargetByteForByte(_ provider: Provider) {
        var bench = Example.bench(provider)
        let frame = Example.tunnelFrame(number: 1)
        let outcome = bench.send(frame)
        #expect(outcome.verdict == .steered)
        #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
        #expect(
            outcome.flow
                == Flow(
                    remote: address(Example.inner), local: address(Example.dvipa), remotePort: 40000, localPort: 80,
                    ipProtocol: 6, tcpFlags: TCPFlags.syn))
    }

    @Test(arguments: Provider.available) func transportModeGoesToTheFirstTargetByteForByte(_ provider: Provider) {
        var bench = Example.bench(provider)
        let frame = Example.transportFrame(number: 1)
        let outcome = bench.send(frame)
        #expect(outcome.verdict == .steered)
        #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
    }

    /// Every length from the shortest to past the point where the trailer leaves the head, both modes' alignment included.
    @Test(arguments: Provider.available) func everyPayloadLengthIsOpenedRight(_ provider: Provider) {
        var bench = Example.bench(provider)
        for payload in Array(0...160) + [1000, 1300, 1378] {
            let inner = Example.innerTCP(flags: TCPFlags.ack, payload: payload)
            let frame = Example.tunnelFrame(number: UInt64(payload + 1), inner)
            let outcome = bench.send(frame)
            #expect(outcome.verdict == .steered, "payload \(payload)")
            #expect(outcome.bytes.suffix(frame.count - 14) == frame.dropFirst(14), "payload \(payload)")
        }
    }

    @Test(arguments: Provider.available) func outerOptionsAreSteered(_ provider: Provider) {
        var bench = Example.bench(provider)
        let frame = Example.tunnelFrame(number: 1, options: [7, 7, 4, 0, 0, 0, 0, 0])
        let outcome = bench.send(frame)
        #expect(outcome.verdict == .steeredWithOptions)
        #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
        #expect(bench.router.counters.snapshot() == ["steeredWithOptions": 1])
    }

    /// 40 bytes of inner options push the ports out of the first 48 bytes: the head is decrypted further.
    @Test(arguments: Provider.available, [4, 8, 12, 16, 40]) func innerOptionsAreSteered(
        _ provider: Provider, count: Int
    ) {
        var bench = Example.bench(provider)
        for (number, payload) in [0, 20, 100, 500].enumerated() {
            let inner = Example.innerTCP(payload: payload, options: Bytes(repeating: 1, count: count))
            let outcome = bench.send(Example.tunnelFrame(number: UInt64(number + 1), inner))
            #expect(outcome.verdict == .steeredWithOptions)
            #expect(outcome.flow?.remotePort == 40000)
        }
    }

    @Test func whatFollowsTheDatagramStaysBehind() {
        var bench = Example.bench()
        let frame = Example.tunnelFrame(number: 1)
        let outcome = bench.send(frame + [0xAA, 0xAA, 0xAA])
        #expect(outcome.verdict == .steered)
        #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
    }

    // MARK: Connections

    @Test func firstSYNsTakeTurnsAndConnectionsStay() {
        var bench = Example.bench()
        var number: UInt64 = 0
        func frame(_ port: UInt16, _ flags: UInt8) -> Bytes {
            number += 1
            return Example.tunnelFrame(number: number, Example.innerTCP(port: port, flags: flags))
        }
        let first = (0..<6).map { bench.send(frame(41000 + UInt16($0), TCPFlags.syn)).target }
        #expect(first == [0, 1, 2, 0, 1, 2])
        for round in 0..<3 {
            let flags = round == 2 ? TCPFlags.fin | TCPFlags.ack : TCPFlags.ack
            #expect((0..<6).map { bench.send(frame(41000 + UInt16($0), flags)).target } == first)
        }
        #expect(bench.send(frame(41000, TCPFlags.syn)).target == 0, "a second SYN is the same connection")
    }

    @Test func aConnectionOlderThanTheRouterGoesWhereEveryRouterSendsIt() {
        var one = Example.bench()
        var other = Example.bench()
        var targets: Set<Int?> = []
        for port in 0..<20 {
            let inner = Example.innerTCP(port: 42000 + UInt16(port), flags: TCPFlags.ack)
            let target = one.send(Example.tunnelFrame(number: UInt64(port + 1), inner)).target
            #expect(target == other.send(Example.tunnelFrame(number: UInt64(port + 1), inner)).target)
            targets.insert(target)
        }
        #expect(targets.count == 3)
    }

    @Test func aTargetWithoutNeighbourGetsNoTurnAndNoPackets() throws {
        var bench = Example.bench()
        #expect(bench.send(Example.tunnelFrame(number: 1, Example.innerTCP(port: 1))).target == 0)
        try bench.router.apply(.neighbour(target: "t2", nil))
        #expect(bench.send(Example.tunnelFrame(number: 2, Example.innerTCP(port: 2))).target == 2)
        try bench.router.apply(.neighbour(target: "t1", nil))
        #expect(
            bench.send(Example.tunnelFrame(number: 3, Example.innerTCP(port: 1, flags: TCPFlags.ack))).verdict
                == .noNeighbour)
        try bench.router.apply(.neighbour(target: "t3", nil))
        #expect(bench.send(Example.tunnelFrame(number: 4, Example.innerTCP(port: 4))).verdict == .noTarget)
    }

    @Test func aFullConnectionTableKeepsTheOldAndRefusesTheNew() {
        var configuration = Example.configuration()
        configuration.connectionCapacity = 16
        var bench = Example.bench(.openSSL, configuration)
        let outcomes = (0..<40).map {
            bench.send(Example.tunnelFrame(number: UInt64($0 + 1), Example.innerTCP(port: 43000 + UInt16($0)))).verdict
        }
        let steered = outcomes.indices.filter { outcomes[$0] == .steered }
        #expect(steered.count <= 16 && steered.count > 0)
        #expect(outcomes.allSatisfy { $0 == .steered || $0 == .connectionTableFull })
        for (step, index) in steered.enumerated() {
            let inner = Example.innerTCP(port: 43000 + UInt16(index), flags: TCPFlags.ack)
            #expect(bench.send(Example.tunnelFrame(number: UInt64(100 + step), inner)).verdict == .steered)
        }
        bench.now += 8000
        let late = Example.tunnelFrame(number: 300, Example.innerTCP(port: 44000))
        #expect(bench.send(late).verdict == .steered, "who is idle past the limit gives way")
    }

    // MARK: Not ours

    @Test func strangersPass() {
        expect(.passed, ethernet(ipv4(from: Example.client, to: Example.gateway, protocol: 17, udp(500, 500))))
        expect(.passed, ethernet(ipv4(from: Example.client, to: Example.dvipa, protocol: 6, tcp(1, 80))))
        expect(
            .passed,
            ethernet(ipv4(from: Example.client, to: "203.0.113.77", protocol: 50, Bytes(repeating: 1, count: 64))))
        expect(.passed, ethernet(Bytes(repeating: 0, count: 46), type: 0x0806))
        expect(.passed, ethernet(Bytes(repeating: 0x60, count: 60), type: 0x86DD))
        let stranger = ipv4(
            from: Example.client, to: "203.0.113.77", protocol: 50, Bytes(repeating: 1, count: 64),
            fault: IPv4Fault(checksumIsWrong: true))
        expect(.passed, ethernet(stranger))
    }

    // MARK: Wrong bytes

    @Test func truncated() {
        let frame = Example.tunnelFrame(number: 1)
        for count in [0, 6, 13, 14, 33, 34, 50, frame.count - 1] { expect(.truncated, Bytes(frame.prefix(count))) }
        for count in [0, 1, 7] {
            expect(
                .truncated,
                ethernet(
                    ipv4(from: Example.client, to: Example.gateway, protocol: 50, Bytes(repeating: 1, count: count))))
        }
        expect(.truncated, Example.tunnelFrame(number: 1, ipFault: IPv4Fault(totalLength: 1000)))
    }

    @Test func malformedHeader() {
        expect(.malformedHeader, Example.tunnelFrame(number: 1, ipFault: IPv4Fault(version: 6)))
        expect(.malformedHeader, Example.tunnelFrame(number: 1, ipFault: IPv4Fault(headerLength: 4)))
        expect(.malformedHeader, Example.tunnelFrame(number: 1, ipFault: IPv4Fault(totalLength: 19)))
    }

    @Test func badChecksum() {
        expect(.badChecksum, Example.tunnelFrame(number: 1, ipFault: IPv4Fault(checksumIsWrong: true)))
        expect(
            .badChecksum,
            Example.tunnelFrame(number: 1, options: [1, 1, 1, 1], ipFault: IPv4Fault(checksumIsWrong: true)))
    }

    @Test func wrongLength() {
        let whole = esp(Example.tunnel, number: 1, nextHeader: 4, Example.innerTCP())
        for count in [8, 16, 31, 32, 35, whole.count - 1, whole.count - 2] {
            expect(
                .wrongLength,
                ethernet(ipv4(from: Example.client, to: Example.gateway, protocol: 50, Bytes(whole.prefix(count)))))
        }
    }

    @Test func oversized() {
        // Outer header 20, ESP 16, inner n, trailer 2, ICV 16, and 28 of GRE: 1500 bytes at n = 1418, whose 1420 with the
        // trailer need no padding.
        let fits = Example.innerTCP(flags: TCPFlags.syn, payload: 1418 - 40)
        expect(.steered, Example.tunnelFrame(number: 1, fits))
        expect(.oversized, Example.tunnelFrame(number: 1, Example.innerTCP(payload: 1419 - 40)))
        expect(.oversized, Example.tunnelFrame(number: 1, Example.innerTCP(payload: 1900)))
    }

    @Test func malformedTrailer() {
        expect(.malformedTrailer, Example.tunnelFrame(number: 1, espFault: ESPFault(statedPadding: 255)))
        expect(.malformedTrailer, Example.tunnelFrame(number: 1, tcp(1, 80), nextHeader: 6))
    }

    @Test func malformedInner() {
        let whole = Example.innerTCP()
        expect(.malformedInner, Example.tunnelFrame(number: 1, Bytes(whole.prefix(12))))
        expect(.malformedInner, Example.tunnelFrame(number: 1, Bytes(whole.prefix(36))))
        let lies = ipv4(
            from: Example.inner, to: Example.dvipa, protocol: 6, tcp(1, 80), fault: IPv4Fault(totalLength: 41))
        expect(.malformedInner, Example.tunnelFrame(number: 1, lies))
        expect(.malformedInner, Example.transportFrame(number: 1, Bytes(tcp(1, 80).prefix(16))))
        let offset = ipv4(
            from: Example.inner, to: Example.dvipa, protocol: 6,
            Bytes(tcp(1, 80).prefix(12)) + [0x40] + Bytes(tcp(1, 80).dropFirst(13)))
        expect(.malformedInner, Example.tunnelFrame(number: 1, offset))
    }

    // MARK: Tags

    /// 802.1Q, and 802.1ad around it: what is sent has none of them.
    @Test func tagsAreLookedThrough() {
        let frame = Example.tunnelFrame(number: 1)
        let datagram = Bytes(frame.dropFirst(14))
        expect(.steered, ethernet(datagram, tags: [(0x8100, 5)]))
        expect(.steered, ethernet(datagram, tags: [(0x8100, 0)]))
        expect(.steered, ethernet(datagram, tags: [(0x88A8, 5), (0x8100, 6)]))
        var plain = Example.bench()
        var tagged = Example.bench()
        let sent = plain.send(frame).bytes
        #expect(tagged.send(ethernet(datagram, tags: [(0x88A8, 5), (0x8100, 6)])).bytes == sent)
        expect(.passed, ethernet(datagram, tags: [(0x8100, 5), (0x8100, 5), (0x8100, 6)]))
        expect(.passed, ethernet(Bytes(repeating: 0, count: 46), type: 0x0806, tags: [(0x8100, 5)]))
        expect(.truncated, Bytes(ethernet(datagram, tags: [(0x8100, 5)]).prefix(16)))
        let piece = ipv4(
            from: Example.client, to: Example.gateway, protocol: 50, Bytes(datagram[20..<60]), fragment: 0x2000)
        let verdict = tagged.send(ethernet(piece, tags: [(0x8100, 5)])).verdict
        #expect(verdict == .held)
    }

    @Test func whatOnlyCallsItselfIPv6() {
        expect(.malformedInner, Example.tunnelFrame(number: 1, Bytes(repeating: 0x60, count: 60), nextHeader: 41))
    }

    // MARK: Refused

    @Test func unknownSPI() {
        let stranger = association(
            spi: 0xC000_0077, from: Example.client, to: Example.gateway, remote: "10.71.0.0/24", local: "10.72.0.0/24")
        expect(.unknownSPI, Example.tunnelFrame(number: 1, under: stranger))
        expect(
            .unknownSPI,
            ethernet(ipv4(from: Example.client, to: Example.gateway, protocol: 50, Bytes(repeating: 0, count: 64))))
    }

    @Test func sequenceNumberZero() { expect(.sequenceNumberZero, Example.tunnelFrame(number: 0)) }

    @Test func badICV() {
        expect(.badICV, Example.tunnelFrame(number: 1, espFault: ESPFault(otherKey: true)))
        let frame = Example.tunnelFrame(number: 1, Example.innerTCP(payload: 9))
        // Every bit of the ESP packet but SPI and length is under the ICV.
        for byte in (14 + 20 + 4)..<frame.count {
            var flipped = frame
            flipped[byte] ^= 1 << UInt8(byte % 8)
            expect(.badICV, flipped)
        }
    }

    @Test func tunnelCheckFailed() {
        expect(.tunnelCheckFailed, Example.tunnelFrame(number: 1, Example.innerTCP(source: "10.99.0.1")))
        expect(.tunnelCheckFailed, Example.tunnelFrame(number: 1, Example.innerTCP(destination: "10.99.0.1")))
        expect(.tunnelCheckFailed, Example.transportFrame(number: 1, source: "198.51.100.11"))
        expect(.tunnelCheckFailed, Example.transportFrame(number: 1, udp(1, 80), nextHeader: 17))
        expect(.tunnelCheckFailed, Example.transportFrame(number: 1, Example.innerTCP(), nextHeader: 4))
        let inner = Example.innerTCP(to: 443, source: "10.71.9.5")
        expect(.tunnelCheckFailed, Example.tunnelFrame(number: 1, inner, under: Example.narrow))
        expect(.steered, Example.tunnelFrame(number: 1, Example.innerTCP(source: "10.71.9.5"), under: Example.narrow))
    }

    @Test func notDVIPA() {
        expect(.notDVIPA, Example.tunnelFrame(number: 1, Example.innerTCP(destination: "10.72.0.11")))
    }

    @Test func noService() {
        expect(.noService, Example.tunnelFrame(number: 1, Example.innerTCP(to: 22)))
        for (ipProtocol, payload) in [
            (17, udp(1, 80)), (132, udp(1, 80, [1, 2, 3, 4])), (47, []), (4, Example.innerTCP()), (50, [1, 2]),
            (253, []),
        ] as [(UInt8, Bytes)] {
            let inner = ipv4(from: Example.inner, to: Example.dvipa, protocol: ipProtocol, payload)
            expect(.noService, Example.tunnelFrame(number: 1, inner))
        }
    }

    @Test func noConnection() {
        let quoted = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        let error = ipv4(from: Example.inner, to: Example.dvipa, protocol: 1, icmp(3, 1, quoted))
        expect(.noConnection, Example.tunnelFrame(number: 1, error))
    }

    @Test func tooManyHalfOpen() {
        var configuration = Example.configuration()
        configuration.halfOpenLimit = 2
        var bench = Example.bench(.openSSL, configuration)
        let verdicts = (1...3).map { number in
            bench.send(Example.tunnelFrame(number: number, Example.innerTCP(port: UInt16(number)))).verdict
        }
        #expect(verdicts == [.steered, .steered, .tooManyHalfOpen])
        #expect(bench.router.counters.snapshot() == ["steered": 2, "tooManyHalfOpen": 1])
    }

    @Test func dummy() {
        expect(.dummy, Example.tunnelFrame(number: 1, Bytes(repeating: 9, count: 100), nextHeader: 59))
        expect(.dummy, Example.tunnelFrame(number: 1, [], nextHeader: 59))
    }

    // MARK: Replay

    @Test(arguments: Provider.available) func replayedAndTooOld(_ provider: Provider) {
        var bench = Example.bench(provider)
        func verdict(_ number: UInt64) -> Verdict {
            bench.send(Example.tunnelFrame(number: number, Example.innerTCP(flags: TCPFlags.ack))).verdict
        }
        #expect(verdict(100) == .steered)
        #expect(verdict(100) == .replayed)
        #expect(verdict(37) == .steered, "the last one inside a window of 64")
        #expect(verdict(36) == .tooOld)
        #expect(verdict(37) == .replayed)
        #expect(verdict(1000) == .steered)
        #expect(verdict(937) == .steered)
        #expect(verdict(936) == .tooOld)
        #expect(bench.router.counters.snapshot() == ["steered": 4, "replayed": 2, "tooOld": 2])
    }

    @Test func verdictsDoNotDependOnWhereABatchBegins() {
        let numbers: [UInt64] = [22, 60, 70, 87, 22, 92, 22, 87, 23, 200, 92, 150]
        let frames = numbers.map { Example.tunnelFrame(number: $0, Example.innerTCP(flags: TCPFlags.ack)) }
        var alone = Example.bench()
        var together = Example.bench()
        let expected = frames.map { alone.send($0).verdict }
        #expect(together.send(frames).map(\.verdict) == expected)
        #expect(expected[4] == .tooOld && expected[7] == .replayed && expected[10] == .tooOld)
    }

    @Test(arguments: Provider.available) func aNumberTwiceInOneBatchIsSteeredOnce(_ provider: Provider) {
        var bench = Example.bench(provider)
        let frame = Example.tunnelFrame(number: 5)
        #expect(bench.send([frame, frame, frame]).map(\.verdict) == [.steered, .replayed, .replayed])
    }
}
