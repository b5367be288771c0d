import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// Targets and endpoints: what they open, what they refuse by name, what they send.
@Suite struct HostTests {
    // MARK: Opening

    @Test(arguments: Provider.available) func aTunnelPacketIsDeliveredAsItWas(_ provider: Provider) {
        var bench = Example.target(provider)
        for payload in [0, 1, 2, 3, 500, 1360] {
            let inner = Example.innerTCP(payload: payload, options: payload == 3 ? [1, 1, 1, 1] : [])
            let result = bench.open(Example.wrapped(Example.tunnelFrame(number: UInt64(payload + 1), inner)))
            #expect(result == HostBench.Result(verdict: .delivered, bytes: inner))
        }
    }

    @Test(arguments: Provider.available) func aTransportPacketGetsItsHeaderBack(_ provider: Provider) {
        var bench = Example.target(provider)
        let segment = tcp(40000, 80, flags: TCPFlags.syn, [1, 2, 3])
        let result = bench.open(Example.wrapped(Example.transportFrame(number: 1, segment)))
        #expect(result.verdict == .delivered)
        #expect(result.bytes == ipv4(from: Example.client, to: Example.outerDVIPA, protocol: 6, segment))
    }

    @Test func onlyRoutersAreHeardAndOnlyOfThisEpochOrLater() {
        var bench = Example.target()
        func verdict(_ packet: Bytes) -> Verdict { bench.open(packet).verdict }
        let frame = Example.tunnelFrame(number: 1)
        #expect(verdict(Example.wrapped(frame, from: "192.0.2.66")) == .notFromRouter)
        #expect(verdict(Example.wrapped(frame, key: 6)) == .staleEpoch)
        #expect(verdict(Example.wrapped(frame, flags: 0)) == .malformedGRE)
        #expect(verdict(Example.wrapped(frame, flags: 0xA000)) == .malformedGRE)
        #expect(verdict(Example.wrapped(frame, type: 0x86DD)) == .malformedGRE)
        #expect(verdict(Bytes(Example.wrapped(frame).prefix(24))) == .truncated)
        #expect(verdict(Bytes(frame.dropFirst(14))) == .notFromRouter, "ESP that came round the router")
        #expect(verdict(Example.wrapped(frame)) == .delivered)
        #expect(verdict(Example.wrapped(frame, key: 8)) == .replayed, "a later epoch is let through")
    }

    /// The target's own window and checks hold, whatever the router did.
    @Test(arguments: Provider.available) func theTargetChecksForItself(_ provider: Provider) {
        var bench = Example.target(provider)
        func verdict(_ frame: Bytes) -> Verdict { bench.open(Example.wrapped(frame)).verdict }
        #expect(verdict(Example.tunnelFrame(number: 100)) == .delivered)
        #expect(verdict(Example.tunnelFrame(number: 100)) == .replayed)
        #expect(verdict(Example.tunnelFrame(number: 36)) == .tooOld)
        #expect(verdict(Example.tunnelFrame(number: 101, espFault: ESPFault(otherKey: true))) == .badICV)
        #expect(verdict(Example.tunnelFrame(number: 101, Example.innerTCP(source: "10.99.0.1"))) == .tunnelCheckFailed)
        #expect(verdict(Example.tunnelFrame(number: 102, Example.innerTCP(destination: "10.72.0.11"))) == .notDVIPA)
        #expect(verdict(Example.tunnelFrame(number: 103, [], nextHeader: 59)) == .dummy)
        #expect(verdict(Example.tunnelFrame(number: 104, under: Example.narrow)) == .unknownSPI)
        #expect(
            bench.host.counters.snapshot() == [
                "delivered": 1, "replayed": 1, "tooOld": 1, "badICV": 1, "tunnelCheckFailed": 1, "notDVIPA": 1,
                "dummy": 1, "unknownSPI": 1,
            ])
    }

    // MARK: Sealing

    @Test(arguments: Provider.available) func whatATargetSealsTheClientOpens(_ provider: Provider) throws {
        var target = Example.target(provider)
        var client = Example.endpoint(provider == .openSSL ? Provider.available[0] : .openSSL)
        try target.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1000)))
        try target.host.apply(.lease(Example.outTransport.spi, Example.lease(1, 1000)))
        for payload in [0, 1, 2, 3, 100, 1360] {
            let answer = ipv4(
                from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, Bytes(repeating: 7, count: payload))
            )
            let sealed = target.seal(answer)
            #expect(sealed.verdict == .sealed)
            #expect(client.open(sealed.bytes) == HostBench.Result(verdict: .delivered, bytes: answer))

            let plain = ipv4(
                from: Example.outerDVIPA, to: Example.client, protocol: 6,
                tcp(80, 40000, Bytes(repeating: 7, count: payload)),
                options: payload == 3 ? [1, 1, 1, 1] : [])
            let transport = target.seal(plain)
            #expect(transport.verdict == .sealed)
            #expect(client.open(transport.bytes) == HostBench.Result(verdict: .delivered, bytes: plain))
        }
    }

    /// The wire form against an ESP packet made elsewhere: header, number, IV = number, padding 1, 2, 3 ..., ICV.
    @Test(arguments: Provider.available) func aSealedPacketIsTheOneTheRFCsDescribe(_ provider: Provider) throws {
        var bench = Example.target(provider)
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(77, 78)))
        let answer = ipv4(
            from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, [1, 2, 3]), trafficClass: 0xB8)
        let expected = ipv4(
            from: Example.gateway, to: Example.client, protocol: 50,
            esp(Example.outTunnel, number: 77, nextHeader: 4, answer), trafficClass: 0xB8)
        #expect(bench.seal(answer) == HostBench.Result(verdict: .sealed, bytes: expected))
    }

    /// A peer that moves, and nothing of its SA that begins anew.
    @Test func aRelocatedSAGoesOnWithItsNumbers() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(77, 90)))
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, [1, 2, 3]))
        #expect(bench.seal(answer).verdict == .sealed)
        let elsewhere = IPAddress("203.0.113.50")!
        try bench.host.apply(
            .relocate(
                Relocation(
                    spi: Example.outTunnel.spi, source: Example.outTunnel.source, destination: elsewhere,
                    udpEncapsulation: UDPEncapsulation(remotePort: 17_146))))
        let protected = esp(Example.outTunnel, number: 78, nextHeader: 4, answer)
        let expected = ipv4(
            from: Example.gateway, to: "203.0.113.50", protocol: 17,
            bigEndian(UInt16(4500)) + bigEndian(UInt16(17_146)) + bigEndian(UInt16(8 + protected.count))
                + bigEndian(UInt16(0)) + protected)
        let moved = bench.seal(answer)
        #expect(moved.verdict == .sealed)
        // The identification is the number's, and so is the header's checksum.
        #expect(moved.bytes.dropFirst(12) == expected.dropFirst(12))
        #expect(bench.host.nextNumber(of: Example.outTunnel.spi) == 79)
        try bench.host.apply(
            .relocate(
                Relocation(
                    spi: SPI(rawValue: 0x9999_9999), source: elsewhere, destination: elsewhere, udpEncapsulation: nil)))
    }

    @Test func numbersComeFromTheLeaseOnly() throws {
        var bench = Example.target()
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        #expect(bench.seal(answer).verdict == .pending, "no lease yet")
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(10, 13, validUntil: 500)))
        #expect(bench.seal([answer, answer], now: 499).map(\.verdict) == [.sealed, .sealed])
        #expect(bench.seal(answer, now: 500).verdict == .pending, "the lease is over")
        #expect(bench.host.nextNumber(of: Example.outTunnel.spi) == 12)
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(20, 22, validUntil: 1000)))
        #expect(bench.seal([answer, answer, answer], now: 600).map(\.verdict) == [.sealed, .sealed, .pending])
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(30, 40)))
        #expect(bench.host.withdrawLease(of: Example.outTunnel.spi) == 30)
        #expect(bench.seal(answer).verdict == .pending)
    }

    /// The thread lost the processor between sealing and sending.
    @Test func aPacketWhoseLeaseRanOutBeforeItWasSentIsWithheld() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(10, 20, validUntil: 500)))
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        #expect(bench.seal([answer, answer], now: 499, sentAt: 499).map(\.verdict) == [.sealed, .sealed])
        #expect(
            bench.seal([answer, answer], now: 499, sentAt: 500).map(\.verdict) == [
                .noSequenceNumber, .noSequenceNumber,
            ])
        #expect(bench.host.nextNumber(of: Example.outTunnel.spi) == 14, "their numbers are gone")
    }

    @Test func whatNoPolicyCoversStays() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 100)))
        #expect(bench.seal(ipv4(from: Example.dvipa, to: "10.99.0.1", protocol: 6, tcp(80, 1))).verdict == .noPolicy)
        #expect(bench.seal(Bytes(repeating: 0x60, count: 48)).verdict == .noPolicy)
        #expect(
            bench.seal(Bytes(ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 1)).prefix(30))).verdict
                == .noPolicy)
        #expect(bench.host.counters.snapshot() == ["noPolicy": 3])
    }

    /// A replacement that does not fit leaves what there was, in both directions.
    @Test func anSAThatCannotBeReplacedStays() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 9)))
        var greedyOut = Example.outTunnel
        greedyOut.selectors.localPorts = (0..<30_000).map { $0 * 2...$0 * 2 }
        #expect(throws: InstallFailure.selectorsDoNotFit) { try bench.host.apply(.install(greedyOut)) }
        var greedyIn = Example.tunnel
        greedyIn.selectors.localPorts = greedyOut.selectors.localPorts
        #expect(throws: InstallFailure.selectorsDoNotFit) { try bench.host.apply(.install(greedyIn)) }
        #expect(bench.open(Example.wrapped(Example.tunnelFrame(number: 1))).verdict == .delivered)
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        #expect(bench.seal(answer).verdict == .sealed)
    }

    @Test func theYoungestSAWithTheSameSelectorsIsUsed() throws {
        var bench = Example.target()
        let younger = association(
            spi: 0xD000_0009, .outbound, from: Example.gateway, to: Example.client, remote: "10.71.0.0/24",
            local: "10.72.0.0/24")
        try bench.host.apply(.install(younger))
        try bench.host.apply(.lease(younger.spi, Example.lease(1, 9)))
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        #expect(bench.seal(answer).bytes[20..<24].elementsEqual([0xD0, 0, 0, 9]))
        try bench.host.apply(.remove(younger.spi, .outbound))
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 9)))
        #expect(bench.seal(answer).bytes[20..<24].elementsEqual([0xD0, 0, 0, 1]))
    }
}
