import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// Golden packets of every transform: steered by the router, opened and sealed by hosts, both providers.
@Suite struct TransformPacketTests {
    static let cases = Provider.available.flatMap { provider in
        Transform.allCases.flatMap { [Case(provider, $0), Case(provider, $0, hasESN: true)] }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let provider: Provider
        let transform: Transform
        let hasESN: Bool
        init(_ provider: Provider, _ transform: Transform, hasESN: Bool = false) {
            (self.provider, self.transform, self.hasESN) = (provider, transform, hasESN)
        }
        var testDescription: String { "\(transform.rawValue)\(hasESN ? "-esn" : "") by \(provider)" }

        /// Behind which numbers begin: with ESN the upper half changes soon.
        var base: UInt64 { hasESN ? (1 << 32) - 6 : 0 }

        var tunnel: SecurityAssociation {
            association(
                spi: 0xC100_0001, from: Example.client, to: Example.gateway, transform, remote: "10.71.0.0/24",
                local: "10.72.0.0/24", hasESN: hasESN)
        }
        var transport: SecurityAssociation {
            association(
                spi: 0xC100_0002, .inbound, .transport, from: Example.client, to: Example.outerDVIPA, transform,
                remote: "\(Example.client)/32", local: "\(Example.outerDVIPA)/32", protocol: 6, hasESN: hasESN)
        }
        func outbound(_ mode: Mode) -> SecurityAssociation {
            mode == .tunnel
                ? association(
                    spi: 0xD100_0001, .outbound, from: Example.gateway, to: Example.client, transform,
                    remote: "10.71.0.0/24", local: "10.72.0.0/24", hasESN: hasESN)
                : association(
                    spi: 0xD100_0002, .outbound, .transport, from: Example.outerDVIPA, to: Example.client, transform,
                    remote: "\(Example.client)/32", local: "\(Example.outerDVIPA)/32", hasESN: hasESN)
        }
    }

    private static func router(_ each: Case) -> RouterBench {
        var bench = Example.bench(each.provider)
        for association in [each.tunnel, each.transport] { try! bench.router.apply(.install(association)) }
        return bench
    }

    private static func transportFrame(
        _ each: Case, number: UInt64, _ segment: Bytes, fault: ESPFault = ESPFault()
    ) -> Bytes {
        ethernet(
            ipv4(
                from: Example.client, to: Example.outerDVIPA, protocol: 50,
                esp(each.transport, number: number, nextHeader: 6, segment, fault: fault)))
    }

    /// Every length from the shortest to past the point where the trailer leaves the head.
    @Test(arguments: cases) func theRouterSteersEveryLength(_ each: Case) {
        var bench = Self.router(each)
        for (index, payload) in (Array(0...140) + [700, 1300, 1340]).enumerated() {
            let number = each.base + UInt64(index + 1)
            let inner = Example.innerTCP(flags: TCPFlags.ack, payload: payload)
            let tunnel = Example.tunnelFrame(number: number, inner, under: each.tunnel)
            let segment = tcp(40000, 80, flags: TCPFlags.ack, Bytes(repeating: 0x55, count: payload))
            let transport = Self.transportFrame(each, number: number, segment)
            // Among packets of AES-GCM, which go another way through the ciphers.
            let plain = Example.tunnelFrame(number: UInt64(index + 1), inner)
            let outcomes = bench.send([plain, tunnel, transport])
            #expect(outcomes.map(\.verdict) == [.steered, .steered, .steered], "payload \(payload)")
            for (outcome, frame) in zip(outcomes, [plain, tunnel, transport]) {
                #expect(outcome.bytes.suffix(frame.count - 14) == frame.dropFirst(14), "payload \(payload)")
            }
            #expect(outcomes[1].flow == outcomes[0].flow)
        }
    }

    @Test(arguments: cases) func whatIsForgedChangesNothing(_ each: Case) {
        var bench = Self.router(each)
        let inner = Example.innerTCP()
        for fault in [ESPFault(otherKey: true)] {
            let frame = Example.tunnelFrame(number: 5, inner, under: each.tunnel, espFault: fault)
            let outcome = bench.send(frame)
            #expect(outcome.verdict == .badICV && outcome.bytes == frame)
        }
        let good = Example.tunnelFrame(number: 5, inner, under: each.tunnel)
        // Every byte of the ESP packet behind SPI and number.
        for byte in (14 + 20 + 8)..<good.count {
            var forged = good
            forged[byte] ^= 0x10
            let outcome = bench.send(forged)
            #expect(outcome.verdict == .badICV && outcome.bytes == forged, "byte \(byte)")
        }
        let taken = bench.send([good, good])
        #expect(taken.map(\.verdict) == [.steered, .replayed])
    }

    /// A length that the transform cannot have is refused before any cipher runs.
    @Test(arguments: cases) func wrongLengthsAreRefused(_ each: Case) {
        var bench = Self.router(each)
        let overhead = 8 + each.transform.ivByteCount + each.transform.icvByteCount
        for byteCount in 8...(overhead + 40) {
            let text = byteCount - overhead
            let isRight = text >= each.transform.alignment && text % each.transform.alignment == 0
            let packet =
                bigEndian(each.tunnel.spi.rawValue) + bigEndian(UInt32(9)) + Bytes(repeating: 1, count: byteCount - 8)
            let frame = ethernet(ipv4(from: Example.client, to: Example.gateway, protocol: 50, packet))
            let outcome = bench.send(frame)
            #expect(outcome.verdict == (isRight ? .badICV : .wrongLength), "\(byteCount) bytes")
        }
    }

    /// What a target seals is what the words give, byte for byte, and the other end opens it.
    @Test(arguments: cases) func hostsSealAndOpen(_ each: Case) {
        var target = HostBench(Example.targetConfiguration(), each.provider)
        var client = HostBench(
            HostConfiguration(ingress: .direct, addresses: [address(Example.client)], dvipas: []), each.provider)
        for association in [each.tunnel, each.transport, each.outbound(.tunnel), each.outbound(.transport)] {
            try! target.host.apply(.install(association))
            try! client.host.apply(.install(association.mirrored))
        }
        for mode in [Mode.tunnel, .transport] {
            let lease = Example.lease(each.base + 1, each.base + 1000)
            try! target.host.apply(.lease(each.outbound(mode).spi, lease))
            try! client.host.apply(.lease((mode == .tunnel ? each.tunnel : each.transport).spi, lease))
        }
        for (index, payload) in [0, 1, 2, 3, 13, 14, 15, 16, 17, 100, 1300].enumerated() {
            let number = each.base + UInt64(index + 1)
            let data = Bytes(repeating: 0x55, count: payload)
            let inner = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, data))
            let outer = ipv4(from: Example.outerDVIPA, to: Example.client, protocol: 6, tcp(80, 40000, data))
            let sealed = target.seal([inner, outer])
            #expect(sealed.map(\.verdict) == [.sealed, .sealed])
            #expect(
                sealed[0].bytes.dropFirst(20)
                    == esp(each.outbound(.tunnel), number: number, nextHeader: 4, inner)[...])
            #expect(
                sealed[1].bytes.dropFirst(20)
                    == esp(each.outbound(.transport), number: number, nextHeader: 6, Bytes(outer.dropFirst(20)))[...])
            let opened = client.open(sealed.map(\.bytes))
            #expect(opened.map(\.verdict) == [.delivered, .delivered], "payload \(payload)")
            #expect(opened.map(\.bytes) == [inner, outer], "payload \(payload)")
        }
    }

    /// Unpredictable to who has not the key: no IV of CBC shows its number, none comes twice (RFC 3602 §3).
    @Test(arguments: Provider.available) func theIVsOfCBCDoNotCount(_ provider: Provider) {
        let each = Case(provider, .aes256sha256)
        var target = HostBench(Example.targetConfiguration(), provider)
        try! target.host.apply(.install(each.outbound(.tunnel)))
        try! target.host.apply(.lease(each.outbound(.tunnel).spi, Example.lease(1, 1000)))
        let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        let ivs = (0..<200).map { _ in Bytes(target.seal(answer).bytes[28..<44]) }
        #expect(Set(ivs).count == 200)
        #expect(!ivs.contains { $0.prefix(8).allSatisfy { $0 == 0 } })
        // Half of the bits differ from one to the next, give or take: 25600 coins.
        let flipped = zip(ivs, ivs.dropFirst()).map { zip($0, $1).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount } }
        #expect((12000...13500).contains(flipped.reduce(0, +)))
    }
}
