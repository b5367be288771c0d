import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// A peer behind a NAT that has got another port: who verifies its packets says so, and nothing else does (docs/nat.md).
@Suite struct PeerWatchTests {
    private static let port: UInt16 = 17_146
    private static let behindNAT: SecurityAssociation = {
        var association = Example.tunnel
        association.udpEncapsulation = UDPEncapsulation(remotePort: port)
        return association
    }()

    private static func frame(
        _ number: UInt64, from port: UInt16, address: String = Example.client, forged: Bool = false,
        under association: SecurityAssociation = behindNAT
    ) -> Bytes {
        let sealed = esp(
            association, number: number, nextHeader: 4, Example.innerTCP(), fault: ESPFault(otherKey: forged))
        let header = bigEndian(port) + bigEndian(UInt16(4500)) + bigEndian(UInt16(8 + sealed.count)) + [0, 0]
        return ethernet(ipv4(from: address, to: Example.gateway, protocol: 17, header + sealed))
    }

    /// A router that knows the peer where the SA says.
    private static func router(_ association: SecurityAssociation = behindNAT) -> RouterBench {
        var bench = Example.bench()
        try! bench.router.apply(.install(association))
        return bench
    }

    private static func sighting(_ number: UInt64, _ port: UInt16, _ from: String = Example.client) -> PeerSighting {
        PeerSighting(spi: behindNAT.spi, number: number, address: address(from), port: port)
    }

    @Test func whoSendsFromElsewhereIsReportedOnce() {
        var bench = Self.router()
        #expect(bench.send(Self.frame(1, from: Self.port)).verdict == .steered)
        var seen = bench.router.takeSightings()
        #expect(seen == [])
        _ = bench.send([Self.frame(2, from: 20_000), Self.frame(3, from: 20_000), Self.frame(4, from: 20_000)])
        seen = bench.router.takeSightings()
        #expect(seen == [Self.sighting(4, 20_000)], "the newest of its batch")
        bench.now += 10
        _ = bench.send(Self.frame(5, from: 20_000))
        seen = bench.router.takeSightings()
        #expect(seen == [])
        _ = bench.send(Self.frame(6, from: 20_000, address: "198.51.100.77"))
        seen = bench.router.takeSightings()
        #expect(seen == [Self.sighting(6, 20_000, "198.51.100.77")], "another address")
        seen = bench.router.takeSightings()
        #expect(seen == [])
    }

    @Test func neitherForgedNorReplayedNorOlderPacketsAreBelieved() {
        var bench = Self.router()
        _ = bench.send([Self.frame(10, from: Self.port), Self.frame(12, from: Self.port)])
        let outcomes = bench.send([
            Self.frame(13, from: 666, forged: true), Self.frame(12, from: 666), Self.frame(11, from: 666),
        ])
        #expect(outcomes.map(\.verdict) == [.badICV, .replayed, .steered])
        var seen = bench.router.takeSightings()
        #expect(seen == [])
        // Overtaken on the way, in one batch: the newest of them comes from the known place.
        _ = bench.send([Self.frame(20, from: 666), Self.frame(21, from: Self.port)])
        seen = bench.router.takeSightings()
        #expect(seen == [])
        // The same number twice in one batch, the second from elsewhere.
        let twice = bench.send([Self.frame(30, from: Self.port), Self.frame(30, from: 666)])
        #expect(twice.map(\.verdict) == [.steered, .replayed])
        seen = bench.router.takeSightings()
        #expect(seen == [])
    }

    @Test func onlySAsInUDPAreWatched() {
        var bench = Self.router(Example.tunnel)
        #expect(bench.send(Self.frame(1, from: 666, under: Example.tunnel)).verdict == .steered)
        var seen = bench.router.takeSightings()
        #expect(seen == [])
        // ESP by itself of an SA in UDP has no port.
        bench = Self.router()
        #expect(bench.send(Example.tunnelFrame(number: 1)).verdict == .steered)
        seen = bench.router.takeSightings()
        #expect(seen == [])
        // And one that is gone.
        try! bench.router.apply(.remove(Self.behindNAT.spi, .inbound))
        try! bench.router.apply(.install(Example.tunnel))
        _ = bench.send(Self.frame(2, from: 666))
        seen = bench.router.takeSightings()
        #expect(seen == [])
    }

    @Test func onceASecondIsOftenEnough() {
        var bench = Self.router()
        _ = bench.send(Self.frame(1, from: 1001))
        for step in UInt64(2)...50 { _ = bench.send(Self.frame(step, from: UInt16(1000 + step))) }
        var seen = bench.router.takeSightings()
        #expect(seen == [Self.sighting(1, 1001)])
        bench.now += 1
        _ = bench.send(Self.frame(51, from: 1050))
        seen = bench.router.takeSightings()
        #expect(seen == [Self.sighting(51, 1050)], "what was not reported then is now")
    }

    @Test func theListIsBounded() {
        var watch = PeerWatch(capacity: 1000)
        for place in 0..<1000 { watch.install(Self.behindNAT, at: place) }
        #expect(watch.watchedCount == 1000)
        for place in 0..<1000 {
            watch.note(
                Self.behindNAT.spi, at: place, number: 1, from: address(Example.client), port: 9, now: 5, .ofOwnStack)
        }
        #expect(watch.listCount == PeerWatch.listLimit)
        var count = 0
        for _ in 0..<4 {
            count += watch.take().count
            for place in 0..<1000 {
                watch.note(
                    Self.behindNAT.spi, at: place, number: 2, from: address(Example.client), port: 9, now: 5,
                    .ofOwnStack)
            }
        }
        #expect(count + watch.take().count == 1000, "each once, as there is room")
        for place in 0..<1000 { watch.remove(at: place) }
        #expect(watch.watchedCount == 0)
    }

    @Test func whereTargetsVerifyTheyReportIt() {
        func target(_ verification: Verification) -> HostBench {
            var configuration = Example.targetConfiguration()
            configuration.verification = verification
            var bench = Example.target(configuration)
            try! bench.host.apply(.install(Self.behindNAT))
            return bench
        }
        var bench = target(.target)
        let delivered = bench.open(Example.wrapped(Self.frame(5, from: 20_000)), now: 1_000_000_000)
        #expect(delivered.verdict == .delivered)
        var seen = bench.host.takeSightings()
        #expect(seen == [Self.sighting(5, 20_000)])
        let bad = [Self.frame(6, from: 666, forged: true), Self.frame(5, from: 666), Self.frame(4, from: 666)]
        let verdicts = bench.open(bad.map { Example.wrapped($0) }, now: 9_000_000_000).map(\.verdict)
        #expect(verdicts == [.badICV, .replayed, .delivered])
        seen = bench.host.takeSightings()
        #expect(seen == [])
        // The router, which reads only, says nothing; and where it verifies the target does not.
        var reading = Example.configuration()
        reading.verification = .target
        var router = Example.bench(.openSSL, reading)
        try! router.router.apply(.install(Self.behindNAT))
        #expect(router.send(Self.frame(1, from: 20_000)).verdict == .steered)
        seen = router.router.takeSightings()
        #expect(seen == [])
        bench = target(.router)
        _ = bench.open(Example.wrapped(Self.frame(5, from: 20_000)), now: 1_000_000_000)
        seen = bench.host.takeSightings()
        #expect(seen == [])
    }
}
