import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// Targets and endpoints with IPv6: what they open, what they seal, and the router's probes.
@Suite struct IPv6HostTests {
    // MARK: Opening

    @Test(arguments: Example6.tunnels, [false, true]) func everyTunnelIsDeliveredAsItWas(
        _ tunnel: Example6.Tunnel, trusted: Bool
    ) {
        for provider in Provider.available {
            var bench = Example6.target(provider, onIPv6: trusted)
            for payload in [0, 1, 500, 1300] {
                let inner = tunnel.innerTCP(payload: payload)
                let frame = tunnel.frame(number: UInt64(payload + 1), inner + (payload == 1 ? [0, 0, 0] : []))
                let result = bench.open(Example6.wrapped(frame, onIPv6: trusted))
                #expect(result == HostBench.Result(verdict: .delivered, bytes: inner))
            }
        }
    }

    /// The header comes back with the extension headers that stood before ESP, and what ESP had hidden behind them.
    @Test func aTransportPacketGetsItsHeadersBack() {
        let segment = tcp(40000, 80, flags: TCPFlags.syn, [1, 2, 3])
        let befores: [[Extension]] = [[], [.options(0)], [.options(0), .options(byteCount: 24)]]
        let behinds: [[Extension]] = [[], [.options(byteCount: 16)]]
        for (number, before) in befores.enumerated() {
            for (turn, behind) in behinds.enumerated() {
                var bench = Example6.target(onIPv6: turn == 0)
                let (first, bytes) = chained(behind, 6, segment)
                let frame = Example6.transportFrame(
                    number: UInt64(number + 1), bytes, nextHeader: first, extensions: before)
                let result = bench.open(Example6.wrapped(frame, onIPv6: turn == 0))
                #expect(result.verdict == .delivered)
                #expect(
                    result.bytes
                        == ipv6(
                            from: Example6.client, to: Example6.outerDVIPA, next: 6, segment,
                            extensions: before + behind))
            }
        }
    }

    @Test func inUDPTransportTheUDPHeaderGoes() {
        var bench = Example6.target()
        let segment = tcp(40000, 80, flags: TCPFlags.syn, [1, 2, 3])
        let sealed = esp(Example6.transport, number: 1, nextHeader: 6, segment)
        let (client, dvipa) = (Example6.client, Example6.outerDVIPA)
        let frame = Example6.framed(
            ipv6(
                from: client, to: dvipa, next: 17, udp6(from: client, to: dvipa, 9, 4500, sealed),
                extensions: [.options()]))
        let result = bench.open(Example6.wrapped(frame))
        #expect(result.verdict == .delivered)
        #expect(result.bytes == ipv6(from: client, to: dvipa, next: 6, segment, extensions: [.options()]))
    }

    @Test func onlyRoutersAreHeard() {
        var bench = Example6.target(onIPv6: true)
        let frame = Example6.sixInSix.frame(number: 1)
        func verdict(_ packet: Bytes) -> Verdict { bench.open(packet).verdict }
        #expect(verdict(Example6.wrapped(frame, onIPv6: true, from: "2001:db8:99::66")) == .notFromRouter)
        #expect(verdict(Example6.wrapped(frame)) == .notFromRouter, "another family")
        #expect(verdict(Example6.wrapped(frame, onIPv6: true, key: 6)) == .staleEpoch)
        #expect(verdict(Example6.wrapped(frame, onIPv6: true, type: 0x0800)) == .malformedGRE)
        #expect(
            verdict(Example6.wrapped(Example6.sixInFour.frame(number: 1), onIPv6: true, type: 0x86DD)) == .malformedGRE)
        #expect(verdict(Bytes(Example6.wrapped(frame, onIPv6: true).prefix(44))) == .truncated)
        #expect(verdict(Bytes(Example6.wrapped(frame, onIPv6: true).prefix(30))) == .truncated)
        #expect(verdict(Example6.wrapped(frame, onIPv6: true)) == .delivered)
        #expect(verdict(Example6.wrapped(frame, onIPv6: true, key: 8)) == .replayed)
    }

    @Test func theTargetChecksForItself() {
        var bench = Example6.target()
        func verdict(_ number: UInt64, _ inner: Bytes) -> Verdict {
            bench.open(Example6.wrapped(Example6.sixInSix.frame(number: number, inner))).verdict
        }
        func inner(_ extensions: [Extension], from source: String = Example6.inner, to dvipa: String = Example6.dvipa)
            -> Bytes
        {
            ipv6(from: source, to: dvipa, next: 6, tcp(1, 80), extensions: extensions)
        }
        #expect(verdict(1, inner([.options(0, byteCount: 1024)])) == .delivered, "it has all of the packet")
        #expect(verdict(2, inner([.routing(segmentsLeft: 1)])) == .routingHeader)
        #expect(verdict(3, inner(Array(repeating: .options(), count: 9))) == .extensionHeadersTooLong)
        #expect(verdict(4, inner([.fragment(offset: 3, more: true)])) == .innerFragment)
        #expect(verdict(5, inner([], from: "2001:db8:f::1")) == .tunnelCheckFailed)
        #expect(verdict(6, inner([], to: "2001:db8:72::11")) == .notDVIPA)
    }

    // MARK: Sealing

    @Test(arguments: Example6.tunnels) func whatATargetSealsTheClientOpens(_ tunnel: Example6.Tunnel) throws {
        var target = Example6.target()
        var client = Example6.endpoint(Provider.available[0])
        try target.host.apply(.lease(tunnel.outbound.spi, Example.lease(1, 1000)))
        // Two tunnels carry the same: the younger one would.
        for other in Example6.tunnels where other.outbound.spi != tunnel.outbound.spi {
            try target.host.apply(.remove(other.outbound.spi, .outbound))
        }
        for payload in [0, 1, 2, 3, 100, 1300] {
            let answer = tunnel.answer(payload: payload)
            let sealed = target.seal(answer)
            #expect(sealed.verdict == .sealed)
            let outer = sealed.bytes
            if tunnel.isIPv6Outside {
                #expect(
                    outer.prefix(40)
                        == ipv6(
                            from: tunnel.gateway, to: tunnel.client, next: 50, Bytes(outer.dropFirst(40)),
                            trafficClass: 0xB8
                        ).prefix(40))
            } else {
                #expect(outer[1] == 0xB8 && outer[6] == 0x40, "what no router may take apart is not taken apart")
            }
            #expect(client.open(outer) == HostBench.Result(verdict: .delivered, bytes: answer))
        }
    }

    /// Hop-by-hop options and routing header are for the way and stay outside; all else is sealed (RFC 4303 §3.1.1).
    @Test func inTransportModeWhatIsForTheWayStaysInFront() throws {
        var target = Example6.target()
        var client = Example6.endpoint()
        try target.host.apply(.lease(Example6.outTransport.spi, Example.lease(1, 1000)))
        let chains: [(stays: [Extension], sealed: [Extension])] = [
            ([], []), ([.options(0)], []), ([.options(0)], [.options(byteCount: 16)]),
            ([.routing(segmentsLeft: 0)], [.options()]),
        ]
        for (stays, sealed) in chains {
            let answer = ipv6(
                from: Example6.outerDVIPA, to: Example6.client, next: 6, tcp(80, 40000, [1, 2, 3]),
                extensions: stays + sealed)
            let result = target.seal(answer)
            #expect(result.verdict == .sealed)
            let before = 40 + chained(stays, 50, []).bytes.count
            let rest = Bytes(result.bytes.dropFirst(before))
            #expect(
                result.bytes
                    == ipv6(from: Example6.outerDVIPA, to: Example6.client, next: 50, rest, extensions: stays))
            #expect(client.open(result.bytes) == HostBench.Result(verdict: .delivered, bytes: answer))
        }
    }

    /// Linux, for one, takes no UDP over IPv6 without a checksum.
    @Test func inUDPTheChecksumIsRight() throws {
        let tunnel = Example6.sixInSix
        var encapsulated = tunnel.outbound
        encapsulated.udpEncapsulation = UDPEncapsulation(remotePort: 17_146)
        for provider in Provider.available {
            var target = Example6.target(provider)
            var client = Example6.endpoint()
            try target.host.apply(.install(encapsulated))
            try target.host.apply(.lease(encapsulated.spi, Example.lease(1, 1000)))
            let answers = (0..<20).map { tunnel.answer(payload: 60 * $0 + $0) }
            for (answer, sealed) in zip(answers, target.seal(answers)) {
                let payload = Bytes(sealed.bytes.dropFirst(48))
                let datagram = udp6(from: tunnel.gateway, to: tunnel.client, 4500, 17_146, payload)
                #expect(
                    sealed.bytes
                        == ipv6(from: tunnel.gateway, to: tunnel.client, next: 17, datagram, trafficClass: 0xB8))
                // To a port of the peer's own; its own end listens at 4500.
                let returned = udp6(from: tunnel.gateway, to: tunnel.client, 4500, 4500, payload)
                let opened = client.open(ipv6(from: tunnel.gateway, to: tunnel.client, next: 17, returned))
                #expect(opened == HostBench.Result(verdict: .delivered, bytes: answer))
            }
        }
    }

    /// The kernel greets its neighbours on every interface; whatever the selectors are, that stays where it is.
    @Test func whatIsOfOneLinkStaysThere() throws {
        var target = Example6.target()
        let wide = association(
            spi: 0xC600_0700, .outbound, from: Example6.gateway, to: Example6.client, remote: "::/0", local: "::/0")
        try target.host.apply(.install(wide))
        try target.host.apply(.lease(wide.spi, Example.lease(1, 1000)))
        func verdict(_ source: String, _ destination: String) -> Verdict {
            target.seal(ipv6(from: source, to: destination, next: 58, [133, 0, 0, 0, 0, 0, 0, 0])).verdict
        }
        #expect(verdict("fe80::1", "ff02::2") == .noPolicy)
        #expect(verdict("::", "ff02::16") == .noPolicy)
        #expect(verdict("fe80::1", "fe80::2") == .noPolicy)
        #expect(verdict(Example6.dvipa, "ff02::2") == .noPolicy)
        #expect(verdict(Example6.dvipa, Example6.inner) == .sealed)
        #expect(target.seal(Bytes(Example6.sixInSix.answer().dropLast())).verdict == .noPolicy)
    }

    @Test func connectionsAreFollowed() throws {
        var target = Example6.target()
        let six = Example6.sixInSix
        try target.host.apply(.lease(six.outbound.spi, Example.lease(1, 1000)))
        #expect(target.open(Example6.wrapped(six.frame(number: 1))).verdict == .delivered)
        let both = TCPFlags.syn | TCPFlags.ack
        let answer = ipv6(
            from: six.dvipa, to: six.inner, next: 6, tcp(80, 40000, flags: both), extensions: [.options()])
        #expect(target.seal(answer).verdict == .sealed)
        let reset = six.innerTCP(flags: TCPFlags.rst)
        #expect(target.open(Example6.wrapped(six.frame(number: 2, reset))).verdict == .delivered)
        let name = ConnectionName(
            remote: address(six.inner), local: address(six.dvipa), remotePort: 40000, localPort: 80, ipProtocol: 6)
        let events = target.host.takeConnectionEvents()
        #expect(events == [ConnectionEvent(name, .opened), ConnectionEvent(name, .closed)])
    }

    // MARK: In clear, and probes

    @Test(arguments: [false, true]) func whatTheRelayDoesGoesInClear(trusted: Bool) throws {
        let six = Example6.sixInSix
        var target = Example6.target(onIPv6: trusted)
        try target.host.apply(.remove(six.outbound.spi, .outbound))
        for association in [six.inbound, six.outbound] {
            try target.host.apply(
                .relay(
                    RelayedAssociation(
                        spi: association.spi, direction: association.direction, selectors: association.selectors)))
        }
        let inside = ethernet(six.innerTCP(payload: 5), type: 0x86DD)
        let delivered = target.open(Example6.wrapped(inside, onIPv6: trusted))
        #expect(delivered == HostBench.Result(verdict: .deliveredInClear, bytes: six.innerTCP(payload: 5)))
        let sent = target.seal(six.answer())
        #expect(sent.verdict == .sentInClear)
        let own = Example6.targets(onIPv6: trusted)[0].trustedAddress.description
        let wrapped = gre(key: 7, type: 0x86DD, six.answer())
        #expect(
            sent.bytes
                == (trusted
                    ? ipv6(from: own, to: Example6.router, next: 47, wrapped)
                    : ipv4(from: own, to: Example.routerAddress, protocol: 47, wrapped)))
    }

    @Test(arguments: [false, true], [false, true]) func probes(trusted: Bool, isIPv4First: Bool) throws {
        var configuration = Example6.configuration(onIPv6: trusted)
        configuration.dvipas = [Example6.dvipa4, Example6.dvipa].map(address)
        if !isIPv4First { configuration.dvipas.reverse() }
        configuration.services = []
        var router = Example6.bench(.openSSL, onIPv6: trusted, configuration)
        var batch = PacketBatch(capacity: 1)
        batch.append(Packet(start: 256, byteCount: 0))
        router.router.writeProbe(0x1234_5678_9ABC_DEF0, to: "t2", in: &batch, at: 0, memory: router.memory)
        #expect(batch[0].verdict == .probed)
        let bytes = router.memory.bytes(at: batch[0].start, count: batch[0].byteCount)
        let frame = (0..<batch[0].byteCount).map { bytes.byte(at: $0) }
        let destination = isIPv4First ? Example6.dvipa4 : Example6.dvipa
        let own = trusted ? Example6.router : Example.routerAddress
        // Where the families differ the DVIPA is the source, too.
        let source = trusted == isIPv4First ? destination : own
        let number = bigEndian(0x1234_5678_9ABC_DEF0 as UInt64)
        let probe =
            isIPv4First
            ? ipv4(from: source, to: destination, protocol: 59, number)
            : ipv6(from: source, to: destination, next: 59, number)
        #expect(frame == Example6.encapsulated(Example6.framed(probe), target: 1, onIPv6: trusted))
        var target = Example6.target(onIPv6: trusted)
        #expect(target.open(Bytes(frame.dropFirst(14))).verdict == .probed)
        #expect(target.host.lastProbe == 0x1234_5678_9ABC_DEF0)
        #expect(target.open(Bytes(frame.dropFirst(14).dropLast())).verdict != .probed)
    }
}
