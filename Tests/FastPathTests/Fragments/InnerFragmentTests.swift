import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// Fragments inside the tunnel: they follow their first one, at the router and at the target.
@Suite struct InnerFragmentTests {
    /// An inner segment in two pieces.
    static func pieces(
        port: UInt16 = 40000, to destinationPort: UInt16 = 80, identification: UInt16 = 5,
        source: String = Example.inner,
        flags: UInt8 = TCPFlags.ack
    ) -> [Bytes] {
        let whole = ipv4(
            from: source, to: Example.dvipa, protocol: 6,
            tcp(port, destinationPort, flags: flags, Bytes(repeating: 0x50, count: 100)))
        return OuterFragmentTests.pieces(ethernet(whole), at: [40, 80], identification: identification).map {
            Bytes($0.dropFirst(14))
        }
    }

    /// Frames that bear these inner packets, numbered from `first` on.
    static func frames(
        _ inner: [Bytes], from first: UInt64 = 1, under association: SecurityAssociation = Example.tunnel
    ) -> [Bytes] {
        inner.enumerated().map {
            Example.tunnelFrame(number: first + UInt64($0.offset), $0.element, under: association)
        }
    }

    @Test(arguments: Provider.available) func theyGoWhereTheirFirstGoes(_ provider: Provider) {
        var bench = Example.bench(provider)
        var number: UInt64 = 1
        for connection in UInt16(0)..<6 {
            let syn = Example.tunnelFrame(number: number, Example.innerTCP(port: 41000 + connection))
            let target = bench.send(syn).target
            let pieces = Self.frames(Self.pieces(port: 41000 + connection), from: number + 1)
            let outcomes = bench.send([pieces[0], pieces[2], pieces[1]])
            number += 4
            #expect(outcomes.allSatisfy { $0.verdict == .steered && $0.target == target })
            #expect(outcomes.allSatisfy { $0.flow?.remotePort == 41000 + connection && $0.flow?.localPort == 80 })
            #expect(outcomes[1].bytes == Example.encapsulated(pieces[2], target: target ?? 0))
        }
    }

    @Test func withoutTheirFirstTheyAreRefusedByName() {
        var bench = Example.bench()
        let pieces = Self.pieces()
        #expect(
            bench.send(Self.frames([pieces[1], pieces[0], pieces[2]])).map(\.verdict) == [
                .innerFragment, .steered, .steered,
            ])
        // Of another datagram, sender, or after the time is over.
        #expect(
            bench.send(Self.frames([Self.pieces(identification: 6)[1]], from: 4)).map(\.verdict) == [.innerFragment])
        #expect(
            bench.send(Self.frames([Self.pieces(source: "10.71.0.2")[1]], from: 5)).map(\.verdict) == [.innerFragment])
        bench.now += 16
        #expect(bench.send(Self.frames([pieces[2]], from: 6)).map(\.verdict) == [.innerFragment])
    }

    /// RFC 1858: the flags are in the first piece, and nothing writes over them.
    @Test func aSegmentWhoseFlagsAreHiddenIsRefused() {
        var bench = Example.bench()
        let whole = ethernet(Example.innerTCP(payload: 50))
        let tiny = OuterFragmentTests.pieces(whole, at: [8]).map { Bytes($0.dropFirst(14)) }
        #expect(bench.send(Self.frames(tiny)).map(\.verdict) == [.malformedInner, .malformedInner])
    }

    /// A first piece that is not allowed lets nothing through behind it; one that is allowed under another SA does not
    /// open this one.
    @Test func theyAreHeldAgainstTheSelectorsOfTheirOwnSA() {
        var bench = Example.bench()
        let forbidden = Self.pieces(to: 443, source: "10.71.9.5")
        #expect(
            bench.send(Self.frames([forbidden[0], forbidden[1]], under: Example.narrow)).map(\.verdict)
                == [.tunnelCheckFailed, .innerFragment])
        let allowed = Self.pieces(source: "10.71.9.5")
        #expect(
            bench.send(Self.frames([allowed[0], allowed[1]], from: 3, under: Example.narrow)).map(\.verdict)
                == [.steered, .steered])
        let elsewhere = Self.pieces()
        #expect(bench.send(Self.frames([elsewhere[0]], from: 1)).map(\.verdict) == [.steered])
        #expect(
            bench.send(Self.frames([elsewhere[1]], from: 5, under: Example.narrow)).map(\.verdict)
                == [.tunnelCheckFailed])
    }

    @Test func theFilterAndTheServicesJudgeThemAsTheirFirst() {
        var configuration = Example.configuration()
        configuration.filter = Filter(
            [FilterRule(name: "not 443", action: .deny, ipProtocol: 6, destinationPorts: [443...443])],
            otherwise: .allow)
        var bench = Example.bench(.openSSL, configuration)
        let denied = Self.pieces(to: 443)
        #expect(bench.send(Self.frames([denied[0], denied[1]])).map(\.verdict) == [.filtered, .filtered])
        let nobodys = Self.pieces(to: 22, identification: 6)
        #expect(bench.send(Self.frames([nobodys[0], nobodys[1]], from: 3)).map(\.verdict) == [.noService, .noService])
    }

    /// Unverified, they leave no trace: a forged first piece is nobody's first.
    @Test func aForgedFirstPieceIsNotFollowed() {
        var bench = Example.bench()
        let pieces = Self.pieces()
        let forged = Example.tunnelFrame(number: 1, pieces[0], espFault: ESPFault(otherKey: true))
        #expect(
            bench.send([forged, Example.tunnelFrame(number: 2, pieces[1])]).map(\.verdict) == [.badICV, .innerFragment])
    }

    /// Where targets verify, the router remembers nobody's first piece.
    @Test func whereTargetsVerifyTheyAreRefused() {
        var configuration = Example.configuration()
        configuration.verification = .target
        var bench = Example.bench(.openSSL, configuration)
        let frames = Self.frames(Self.pieces())
        #expect(bench.send(frames).map(\.verdict) == [.steered, .innerFragment, .innerFragment])
    }

    // MARK: Hosts

    @Test(arguments: Provider.available) func aTargetDeliversThemAsTheyCame(_ provider: Provider) {
        var bench = Example.target(provider)
        let pieces = Self.pieces()
        let results = bench.open(Self.frames(pieces).map { Example.wrapped($0) })
        #expect(results == pieces.map { HostBench.Result(verdict: .delivered, bytes: $0) })
        let alone = Self.pieces(identification: 6)[1]
        #expect(bench.open(Example.wrapped(Example.tunnelFrame(number: 9, alone))).verdict == .innerFragment)
    }

    /// What the host's stack sends in fragments goes under the SA of its first, also where selectors have ports.
    @Test func aHostSealsItsOwnFragments() throws {
        var client = HostBench(
            HostConfiguration(ingress: .direct, addresses: [address(Example.client)], dvipas: []), .openSSL)
        try client.host.apply(.install(Example.narrow.mirrored))
        try client.host.apply(.lease(Example.narrow.spi, Example.lease(1, 100)))
        var router = Example.bench()
        let pieces = Self.pieces(source: "10.71.9.5")
        let results = client.seal([pieces[1], pieces[0], pieces[1], pieces[2]])
        #expect(results.map(\.verdict) == [.innerFragment, .sealed, .sealed, .sealed])
        let outcomes = router.send(results.dropFirst().map { ethernet($0.bytes) })
        #expect(outcomes.map(\.verdict) == [.steered, .steered, .steered])
    }
}
