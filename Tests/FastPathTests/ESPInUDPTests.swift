import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// ESP in UDP (RFC 3948): golden packets for the router, and both ways of a target.
@Suite struct ESPInUDPTests {
    private static func frame(
        _ payload: Bytes, from port: UInt16 = 17_146, to destination: UInt16 = 4500, address: String = Example.gateway,
        length: Int? = nil, options: Bytes = [], fragment: UInt16 = 0x4000, checksum: UInt16 = 0
    ) -> Bytes {
        let header =
            bigEndian(port) + bigEndian(destination) + bigEndian(UInt16(length ?? 8 + payload.count))
            + bigEndian(checksum)
        return ethernet(
            ipv4(
                from: Example.client, to: address, protocol: 17, header + payload, options: options,
                fragment: fragment))
    }

    private static func sealed(_ number: UInt64, _ inner: Bytes = Example.innerTCP()) -> Bytes {
        esp(Example.tunnel, number: number, nextHeader: 4, inner)
    }

    private func expect(_ verdict: Verdict, _ frame: Bytes, sourceLocation: SourceLocation = #_sourceLocation) {
        var bench = Example.bench()
        let outcome = bench.send(frame)
        #expect(outcome.verdict == verdict, sourceLocation: sourceLocation)
        #expect(bench.router.counters.snapshot() == [verdict.name: 1], sourceLocation: sourceLocation)
        if !verdict.steers { #expect(outcome.bytes == frame, sourceLocation: sourceLocation) }
    }

    @Test(arguments: Provider.available) func isSteeredByteForByteFromWhateverPort(_ provider: Provider) {
        var bench = Example.bench(provider)
        for (number, port) in [4500, 17_146, 17_147].enumerated() {
            let frame = Self.frame(Self.sealed(UInt64(number + 1)), from: UInt16(port), checksum: UInt16(number))
            let outcome = bench.send(frame)
            #expect(outcome.verdict == .steered)
            #expect(outcome.bytes == Example.encapsulated(frame, target: 0))
        }
        let replayed = bench.send(Self.frame(Self.sealed(2)))
        #expect(replayed.verdict == .replayed)
    }

    @Test func transportModeAndOptionsAreSteered() {
        var bench = Example.bench()
        let segment = esp(Example.transport, number: 1, nextHeader: 6, tcp(40000, 80, flags: TCPFlags.syn))
        let frame = Self.frame(segment, address: Example.outerDVIPA)
        #expect(bench.send(frame).bytes == Example.encapsulated(frame, target: 0))
        let withOptions = Self.frame(Self.sealed(1), options: [1, 1, 1, 1])
        #expect(bench.send(withOptions).verdict == .steeredWithOptions)
    }

    @Test func whatSharesThePortAndOtherPortsAreTheKernels() {
        expect(.passed, Self.frame([0, 0, 0, 0, 1, 2, 3, 4]))
        expect(.passed, Self.frame([0, 0, 0, 0]))
        expect(.passed, Self.frame(Self.sealed(1), to: 500))
        expect(.passed, Self.frame(Self.sealed(1), address: "203.0.113.77"))
        expect(.held, Self.frame(Self.sealed(1), fragment: 0x0010))
        expect(.passed, Bytes(Self.frame(Self.sealed(1)).prefix(14 + 20 + 6)))
    }

    @Test func keepalive() { expect(.keepalive, Self.frame([0xFF])) }

    @Test func brokenDatagramsAreRefusedByName() {
        expect(.truncated, Self.frame([]))
        expect(.truncated, Self.frame([1]))
        expect(.truncated, Self.frame([1, 2, 3]))
        expect(.truncated, Self.frame([0xC0, 0, 0, 1]))
        expect(.wrongLength, Self.frame(Self.sealed(1), length: 7))
        expect(.wrongLength, Self.frame(Self.sealed(1), length: 400))
        expect(.wrongLength, Self.frame(Self.sealed(1) + [0], length: nil))
        expect(.malformedHeader, Self.frame(Self.sealed(1), fragment: 0x2000))
        expect(.unknownSPI, Self.frame([0xC0, 0, 0, 0x77] + Bytes(repeating: 1, count: 60)))
        var flipped = Self.frame(Self.sealed(1))
        flipped[flipped.count - 1] ^= 1
        expect(.badICV, flipped)
    }

    @Test(arguments: Provider.available) func aTargetOpensItAndAnswersInUDP(_ provider: Provider) throws {
        var inbound = Example.transport
        inbound.udpEncapsulation = UDPEncapsulation(remotePort: 17_146)
        var outTunnel = association(
            spi: 0xD000_0001, .outbound, from: Example.gateway, to: Example.client, remote: "10.71.0.0/24",
            local: "10.72.0.0/24")
        outTunnel.udpEncapsulation = UDPEncapsulation(remotePort: 17_146)
        var outTransport = association(
            spi: 0xD000_0002, .outbound, .transport, from: Example.outerDVIPA, to: Example.client, .aes256gcm16,
            remote: "\(Example.client)/32", local: "\(Example.outerDVIPA)/32")
        outTransport.udpEncapsulation = UDPEncapsulation(remotePort: 17_146)
        var bench = HostBench(
            HostConfiguration(
                ingress: .gre(routers: [address(Example.routerAddress)], epoch: Epoch(rawValue: 7)),
                addresses: [Example.gateway, Example.outerDVIPA].map(address),
                dvipas: [Example.dvipa, Example.outerDVIPA].map(address)), provider)
        for association in [Example.tunnel, inbound, outTunnel, outTransport] {
            try bench.host.apply(.install(association))
        }
        for association in [outTunnel, outTransport] {
            let lease = SequenceLease(identifier: 1, first: 5, end: 9, validUntil: .max)
            try bench.host.apply(.lease(association.spi, lease))
        }
        func wrapped(_ frame: Bytes) -> Bytes {
            ipv4(
                from: Example.routerAddress, to: "192.0.2.11", protocol: 47, gre(key: 7, Bytes(frame.dropFirst(14))))
        }
        let inner = Example.innerTCP(payload: 100)
        #expect(
            bench.open(wrapped(Self.frame(Self.sealed(1, inner))))
                == HostBench.Result(verdict: .delivered, bytes: inner))
        let segment = tcp(40000, 80, flags: TCPFlags.syn, [1, 2, 3])
        let opened = bench.open(
            wrapped(
                Self.frame(
                    esp(inbound, number: 1, nextHeader: 6, segment), address: Example.outerDVIPA,
                    options: [1, 1, 1, 1])))
        #expect(opened.verdict == .delivered)
        #expect(
            opened.bytes
                == ipv4(from: Example.client, to: Example.outerDVIPA, protocol: 6, segment, options: [1, 1, 1, 1]))

        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, [1, 2]))
        let tunnelled = esp(outTunnel, number: 5, nextHeader: 4, answer)
        #expect(
            bench.seal(answer).bytes
                == ipv4(
                    from: Example.gateway, to: Example.client, protocol: 17,
                    bigEndian(UInt16(4500)) + bigEndian(UInt16(17_146)) + bigEndian(UInt16(8 + tunnelled.count))
                        + [0, 0] + tunnelled))
        let plain = ipv4(from: Example.outerDVIPA, to: Example.client, protocol: 6, tcp(80, 40000, [1, 2]))
        let protected = esp(outTransport, number: 5, nextHeader: 6, Bytes(plain.dropFirst(20)))
        #expect(
            bench.seal(plain).bytes
                == ipv4(
                    from: Example.outerDVIPA, to: Example.client, protocol: 17,
                    bigEndian(UInt16(4500)) + bigEndian(UInt16(17_146)) + bigEndian(UInt16(8 + protected.count))
                        + [0, 0] + protected))
    }
}
