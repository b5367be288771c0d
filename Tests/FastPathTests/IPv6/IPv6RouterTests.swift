import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// Golden packets of IPv6 for the router: outside, inside, and around GRE.
@Suite struct IPv6RouterTests {
    private func expect(_ verdict: Verdict, _ frame: Bytes, sourceLocation: SourceLocation = #_sourceLocation) {
        for provider in Provider.available {
            var bench = Example6.bench(provider)
            let outcome = bench.send(frame)
            #expect(outcome.verdict == verdict, "\(provider)", sourceLocation: sourceLocation)
            #expect(bench.router.counters.snapshot() == [verdict.name: 1], sourceLocation: sourceLocation)
            if !verdict.steers { #expect(outcome.bytes == frame, sourceLocation: sourceLocation) }
        }
    }

    // MARK: Steered

    @Test(arguments: Example6.tunnels, [false, true]) func everyTunnelOverEveryTrustedLink(
        _ tunnel: Example6.Tunnel, trusted: Bool
    ) {
        for provider in Provider.available {
            var bench = Example6.bench(provider, onIPv6: trusted)
            for (number, payload) in [0, 1, 20, 40, 60, 61, 62, 63, 64, 100, 1000, 1300].enumerated() {
                let frame = tunnel.frame(number: UInt64(number + 1), tunnel.innerTCP(payload: payload))
                let outcome = bench.send(frame)
                #expect(outcome.verdict == .steered, "payload \(payload)")
                #expect(outcome.bytes == Example6.encapsulated(frame, target: 0, onIPv6: trusted))
                #expect(
                    outcome.flow
                        == Flow(
                            remote: address(tunnel.inner), local: address(tunnel.dvipa), remotePort: 40000,
                            localPort: 80, ipProtocol: 6, tcpFlags: TCPFlags.syn))
            }
        }
    }

    @Test(arguments: [false, true]) func transportMode(trusted: Bool) {
        var bench = Example6.bench(onIPv6: trusted)
        let frame = Example6.transportFrame(number: 1)
        let outcome = bench.send(frame)
        #expect(outcome.verdict == .steered)
        #expect(outcome.bytes == Example6.encapsulated(frame, target: 0, onIPv6: trusted))
        #expect(outcome.flow?.remote == address(Example6.client) && outcome.flow?.local == address(Example6.outerDVIPA))
    }

    /// One batch of all, so that those that name IPv6 in GRE stand beside those that do not.
    @Test func mixedInOneBatch() {
        var bench = Example6.bench()
        let frames = (0..<4).flatMap { round in
            Example6.tunnels.map {
                $0.frame(number: UInt64(round + 1), $0.innerTCP(port: UInt16(round + 1), flags: TCPFlags.ack))
            }
        }
        for (frame, outcome) in zip(frames, bench.send(frames)) {
            #expect(outcome.verdict == .steered)
            #expect(outcome.bytes == Example6.encapsulated(frame, target: outcome.target ?? 9))
        }
    }

    @Test func connectionsOfBothFamiliesKeepTheirTargets() {
        var bench = Example6.bench(onIPv6: true)
        let (four, six) = (Example6.fourInSix, Example6.sixInSix)
        #expect(bench.send(four.frame(number: 1)).target == 0)
        #expect(bench.send(six.frame(number: 1)).target == 0, "another service, and its first turn")
        #expect(bench.send(six.frame(number: 2, six.innerTCP(port: 2))).target == 1)
        #expect(bench.send(six.frame(number: 3, six.innerTCP(flags: TCPFlags.ack))).target == 0)
        #expect(bench.send(six.frame(number: 4, six.innerTCP(port: 2, flags: TCPFlags.ack))).target == 1)
    }

    @Test func aTargetThatIsLostLosesItsConnections() throws {
        var bench = Example6.bench(onIPv6: true)
        let six = Example6.sixInSix
        #expect(bench.send(six.frame(number: 1)).target == 0)
        try bench.router.apply(.standing(target: "t1", TargetStanding(state: .lost)))
        let frame = six.frame(number: 2)
        let outcome = bench.send(frame)
        #expect(outcome.target == 1)
        #expect(outcome.bytes == Example6.encapsulated(frame, target: 1, onIPv6: true))
        try bench.router.apply(.neighbour(target: "t2", nil))
        let ack = six.innerTCP(flags: TCPFlags.ack)
        #expect(bench.send(six.frame(number: 3, ack)).verdict == .noNeighbour)
    }

    /// Twenty bytes less than over IPv4.
    @Test(arguments: [(false, 1472), (true, 1452)]) func whatTheTrustedLinkCarries(trusted: Bool, longest: Int) {
        var configuration = Example6.configuration(onIPv6: trusted)
        configuration.trustedMTU = 1500
        var bench = Example6.bench(onIPv6: trusted, configuration)
        let six = Example6.sixInSix
        var sizes: [Int: Verdict] = [:]
        for payload in 1250..<1340 {
            let frame = six.frame(number: UInt64(payload), six.innerTCP(payload: payload))
            sizes[frame.count - 14] = bench.send(frame).verdict
        }
        #expect(sizes[longest] == .steered && sizes[longest + 4] == .oversized)
    }

    // MARK: Extension headers

    @Test func outsideTheyAreSteeredAsTheyCame() {
        let chains: [[Extension]] = [
            [.options(0)], [.options()], [.options(0), .options(), .routing(segmentsLeft: 0), .options(byteCount: 64)],
            [.options(0, byteCount: 2048)], [.fragment()], Array(repeating: .options(), count: 8),
        ]
        for (number, chain) in chains.enumerated() {
            for trusted in [false, true] {
                var configuration = Example6.configuration(onIPv6: trusted)
                configuration.trustedMTU = 9000
                var bench = Example6.bench(onIPv6: trusted, configuration)
                let frame = Example6.sixInSix.frame(number: UInt64(number + 1), extensions: chain)
                let outcome = bench.send(frame)
                #expect(outcome.verdict == .steeredWithOptions, "\(chain)")
                #expect(outcome.bytes == Example6.encapsulated(frame, target: 0, onIPv6: trusted))
            }
        }
    }

    /// Up to 186 bytes of them: then 14 of TCP end where the head does.
    @Test(arguments: Transform.allCases) func insideTheyAreLookedThrough(_ transform: Transform) {
        let six = Example6.sixInSix
        let sa = association(
            spi: 0xC600_0500, from: six.client, to: six.gateway, transform, remote: "2001:db8:71::/64",
            local: "2001:db8:72::/64")
        for provider in Provider.available {
            var bench = Example6.bench(provider)
            try! bench.router.apply(.install(sa))
            for (number, count) in [8, 16, 40, 64, 96, 128, 184, 192].enumerated() {
                for (turn, payload) in [0, 900].enumerated() {
                    let inner = ipv6(
                        from: six.inner, to: six.dvipa, next: 6,
                        tcp(40000, 80, flags: TCPFlags.syn, Bytes(repeating: 1, count: payload)),
                        extensions: [.options(0, byteCount: count)])
                    let packet = esp(sa, number: UInt64(number * 2 + turn + 1), nextHeader: 41, inner)
                    let outcome = bench.send(Example6.framed(six.outer(packet)))
                    #expect(
                        outcome.verdict == (count < 190 ? .steeredWithOptions : .extensionHeadersTooLong),
                        "\(transform) \(provider) \(count) \(payload)")
                }
            }
        }
    }

    @Test func insideTheyAreJudged() {
        func inside(_ extensions: [Extension], next: UInt8 = 6) -> Bytes {
            Example6.sixInFour.frame(
                number: 1,
                ipv6(
                    from: Example6.inner, to: Example6.dvipa, next: next, tcp(40000, 80, flags: TCPFlags.syn),
                    extensions: extensions))
        }
        expect(.steeredWithOptions, inside([.fragment()]))
        expect(.steeredWithOptions, inside([.routing(segmentsLeft: 0)]))
        expect(.routingHeader, inside([.routing(segmentsLeft: 1)]))
        expect(.steeredWithOptions, inside([.fragment(more: true)]))
        expect(.innerFragment, inside([.options(), .fragment(offset: 3)]))
        expect(.malformedInner, inside([.options(), .options(0)]))
        expect(.extensionHeadersTooLong, inside(Array(repeating: .options(), count: 9)))
        expect(.noService, inside([], next: 59))
        expect(.noService, inside([.options()], next: 51))
    }

    @Test func inTransportModeDestinationOptionsMayBeSealed() {
        func sealed(_ extensions: [Extension], source: String = Example6.client) -> Bytes {
            let (first, bytes) = chained(extensions, 6, tcp(40000, 80, flags: TCPFlags.syn))
            return Example6.transportFrame(number: 1, bytes, nextHeader: first, source: source)
        }
        expect(.steeredWithOptions, sealed([.options()]))
        expect(.steeredWithOptions, sealed([.options(byteCount: 120)]))
        expect(.malformedInner, sealed([.options(0)]))
        expect(.innerFragment, sealed([.fragment(more: true)]))
        expect(.tunnelCheckFailed, sealed([.options()], source: "2001:db8:c::11"))
        var truncated = chained([.options()], 6, []).bytes
        truncated[1] = 9
        expect(.malformedInner, Example6.transportFrame(number: 1, truncated, nextHeader: 60))
    }

    /// In IPv4 there are no extension headers: 60 is a protocol that nobody serves.
    @Test func insideIPv4TransportTheyAreAProtocol() {
        var bench = Example.bench()
        let frame = Example.transportFrame(number: 1, chained([], 6, tcp(1, 80)).bytes, nextHeader: 60)
        #expect(bench.send(frame).verdict == .tunnelCheckFailed, "the SA is for TCP")
    }

    // MARK: Not ours

    @Test func theKernelHasTheRest() {
        let six = Example6.sixInSix
        let sealed = esp(six.inbound, number: 1, nextHeader: 41, six.innerTCP())
        expect(.passed, Example6.framed(six.outer(next: 6, tcp(1, 80))))
        expect(.passed, Example6.framed(six.outer(next: 58, [128, 0, 0, 0])))
        expect(.passed, Example6.framed(six.outer(next: 51, sealed)))
        expect(.passed, Example6.framed(six.outer(next: 59, sealed)))
        expect(.passed, Example6.framed(six.outer(sealed, extensions: [.routing(segmentsLeft: 1)])))
        expect(.passed, Example6.framed(six.outer(sealed, extensions: Array(repeating: .options(), count: 9))))
        expect(.passed, Example6.framed(ipv6(from: six.client, to: "2001:db8:a::2", next: 50, sealed)))
        expect(.passed, Example6.framed(ipv6(from: six.client, to: "ff02::1", next: 50, sealed)))
        expect(.passed, Example6.framed(six.outer(next: 17, udp(500, 500, [1, 2, 3]))))
        expect(.passed, Example6.framed(six.outer(next: 17, udp(500, 500), extensions: [.fragment(more: true)])))
    }

    // MARK: Wrong bytes

    @Test func wrongHeaders() {
        let six = Example6.sixInSix
        let sealed = esp(six.inbound, number: 1, nextHeader: 41, six.innerTCP())
        func packet(_ extensions: [Extension] = [], version: UInt8 = 6, payloadLength: Int? = nil) -> Bytes {
            ethernet(
                ipv6(
                    from: six.client, to: six.gateway, next: 50, sealed, extensions: extensions, version: version,
                    payloadLength: payloadLength), type: 0x86DD)
        }
        expect(.steered, packet())
        expect(.malformedHeader, packet(version: 4))
        expect(.malformedHeader, packet(payloadLength: 0))
        expect(.malformedHeader, packet([.options(), .options(0)]))
        expect(.truncated, packet(payloadLength: sealed.count + 1))
        expect(.truncated, packet(payloadLength: 7))
        expect(.wrongLength, packet(payloadLength: 20))
        expect(.truncated, packet([.options(byteCount: 8)], payloadLength: 7))
        expect(.truncated, Bytes(packet().prefix(14 + 39)))
        var long = packet([.options()])
        long[14 + 41] = 200
        expect(.truncated, long)
        expect(.held, packet([.fragment(offset: 100)]))
        expect(.steered, ethernet(Bytes(packet().dropFirst(14)), type: 0x86DD, tags: [(0x8100, 7)]))
        expect(.malformedHeader, ethernet(Bytes(packet().dropFirst(14))))
        expect(.malformedHeader, ethernet(Bytes(Example.tunnelFrame(number: 1).dropFirst(14)), type: 0x86DD))
    }

    @Test func wrongHeadersInside() {
        func inside(_ inner: Bytes, nextHeader: UInt8 = 41) -> Bytes {
            let six = Example6.sixInSix
            return Example6.framed(six.outer(esp(six.inbound, number: 1, nextHeader: nextHeader, inner)))
        }
        let good = Example6.sixInSix.innerTCP(payload: 9)
        expect(.steered, inside(good))
        expect(.steered, inside(good + Bytes(repeating: 0, count: 30)))
        expect(.malformedInner, inside(good, nextHeader: 4))
        expect(.malformedInner, inside(Example.innerTCP()))
        expect(.malformedInner, inside(Bytes(good.dropLast())))
        expect(.malformedInner, inside(Bytes(good.prefix(39))))
        expect(.malformedInner, inside([]))
        expect(
            .malformedInner,
            inside(ipv6(from: Example6.inner, to: Example6.dvipa, next: 6, Bytes(tcp(1, 80).prefix(19)))))
        expect(.notDVIPA, inside(ipv6(from: Example6.inner, to: "2001:db8:72::11", next: 6, tcp(1, 80))))
        expect(.tunnelCheckFailed, inside(ipv6(from: "2001:db8:f::1", to: Example6.dvipa, next: 6, tcp(1, 80))))
        expect(.noService, inside(ipv6(from: Example6.inner, to: Example6.dvipa, next: 6, tcp(1, 81))))
    }

    /// On the wire ::ffff:10.72.0.10 is no other name of 10.72.0.10 (RFC 4942 §2.2).
    @Test func mappedAddresses() {
        let six = Example6.sixInSix
        let mapped = IPAddress(v4: 0x0A48_000A)
        func with(_ packet: Bytes, at offset: Int, _ address: IPAddress) -> Bytes {
            var packet = packet
            packet.replaceSubrange(offset..<offset + 16, with: bigEndian(address.high) + bigEndian(address.low))
            return packet
        }
        let sealed = esp(six.inbound, number: 1, nextHeader: 41, six.innerTCP())
        expect(.mappedAddress, Example6.framed(with(six.outer(sealed), at: 8, mapped)))
        expect(.mappedAddress, Example6.framed(with(six.outer(sealed), at: 24, mapped)))
        expect(.passed, Example6.framed(with(six.outer(sealed), at: 24, IPAddress(v4: 0x0A48_000B))))
        for offset in [8, 24] { expect(.mappedAddress, six.frame(number: 1, with(six.innerTCP(), at: offset, mapped))) }
    }

    // MARK: ESP in UDP

    @Test func inUDPTheChecksumIsNoneOrRight() {
        let six = Example6.sixInSix
        let sealed = esp(six.inbound, number: 1, nextHeader: 41, six.innerTCP(payload: 3))
        func datagram(_ payload: Bytes, to port: UInt16 = 4500, checksum: UInt16? = nil) -> Bytes {
            Example6.framed(
                six.outer(
                    next: 17, udp6(from: six.client, to: six.gateway, 17_146, port, payload, checksum: checksum)))
        }
        expect(.steered, datagram(sealed))
        expect(.steered, datagram(sealed, checksum: 0))
        expect(.badChecksum, datagram(sealed, checksum: 0x1234))
        expect(.keepalive, datagram([0xFF]))
        expect(.badChecksum, datagram([0xFF], checksum: 1))
        expect(.passed, datagram([0, 0, 0, 0, 1, 2, 3, 4]))
        expect(.passed, datagram(sealed, to: 500))
        expect(.truncated, datagram([1, 2, 3]))
        var wrong = datagram(sealed)
        wrong[14 + 40 + 5] ^= 1
        expect(.wrongLength, wrong)
        var bench = Example6.bench(onIPv6: true)
        let frame = datagram(sealed)
        #expect(bench.send(frame).bytes == Example6.encapsulated(frame, target: 0, onIPv6: true))
    }

    // MARK: Families

    /// Selectors and rules that name all of IPv6 are not about IPv4, which `IPAddress` keeps in the same numbers.
    @Test func allOfIPv6IsNotIPv4() throws {
        let wide = association(
            spi: 0xC600_0600, from: Example6.client, to: Example6.gateway, remote: "::/0", local: "::/0")
        var configuration = Example6.configuration(onIPv6: false)
        configuration.filter = Filter(
            [FilterRule(name: "six", action: .deny, sources: [AddressRange("::/0")!])], otherwise: .allow)
        var bench = Example6.bench(.openSSL, configuration)
        try bench.router.apply(.install(wide))
        var open = Example6.bench()
        try open.router.apply(.install(wide))
        func frame(_ number: UInt64, _ tunnel: Example6.Tunnel) -> Bytes {
            Example6.framed(
                tunnel.outer(esp(wide, number: number, nextHeader: tunnel.nextHeader, tunnel.innerTCP())))
        }
        #expect(open.send(frame(1, Example6.fourInSix)).verdict == .tunnelCheckFailed)
        #expect(open.send(frame(2, Example6.sixInSix)).verdict == .steered)
        #expect(bench.send(frame(1, Example6.sixInSix)).verdict == .filtered)
        #expect(bench.send(Example6.fourInSix.frame(number: 1)).verdict == .steered)
    }
}
