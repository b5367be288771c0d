import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// I4: what is processed under a key never passes what was granted, in packets or in bytes, whichever way it goes.
@Suite struct LifecountTests {
    private func grant(_ association: SecurityAssociation, bytes: UInt64 = .max, packets: UInt64 = .max) -> Publication
    {
        .allow(
            LifecountGrant(spi: association.spi, direction: association.direction, bytes: bytes, packets: packets))
    }

    private let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, [1, 2, 3]))

    @Test func thePacketThatWouldPassTheEndUsesNoNumber() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1000)))
        try bench.host.apply(grant(Example.outTunnel, packets: 3))
        #expect(
            bench.seal([answer, answer, answer, answer]).map(\.verdict) == [
                .sealed, .sealed, .sealed, .lifetimeExhausted,
            ])
        #expect(bench.host.nextNumber(of: Example.outTunnel.spi) == 4)
        let byteCount = UInt64(esp(Example.outTunnel, number: 1, nextHeader: 4, answer).count)
        #expect(
            bench.host.usage == [
                AssociationUsage(
                    spi: Example.outTunnel.spi, direction: .outbound, packets: 3, bytes: 3 * byteCount)
            ])
        // The same grant said twice is one; a further one goes on where the first ended.
        try bench.host.apply(grant(Example.outTunnel, packets: 3))
        #expect(bench.seal(answer).verdict == .lifetimeExhausted)
        try bench.host.apply(grant(Example.outTunnel, bytes: 5 * byteCount - 1))
        #expect(bench.seal([answer, answer]).map(\.verdict) == [.sealed, .lifetimeExhausted])
        try bench.host.apply(grant(Example.outTunnel, bytes: 5 * byteCount))
        #expect(bench.seal([answer, answer]).map(\.verdict) == [.sealed, .lifetimeExhausted])
        #expect(bench.host.counters.snapshot() == ["sealed": 5, "lifetimeExhausted": 4])
    }

    /// A spent SA tells its packets at once, where one that only lacks numbers lets them wait.
    @Test func aSpentSALetsNobodyWait() throws {
        var bench = Example.target()
        try bench.host.apply(grant(Example.outTunnel, bytes: 0))
        #expect(bench.seal(answer).verdict == .lifetimeExhausted)
    }

    @Test(arguments: Provider.available) func packetsOfOneBatchDoNotPassTheEndTogether(_ provider: Provider) throws {
        var bench = Example.target(provider)
        let frames = (1...6).map { Example.wrapped(Example.tunnelFrame(number: $0)) }
        let byteCount = UInt64(frames[0].count - 28 - 20)
        try bench.host.apply(grant(Example.tunnel, bytes: 4 * byteCount + 3))
        #expect(
            bench.open(frames).map(\.verdict) == [
                .delivered, .delivered, .delivered, .delivered, .lifetimeExhausted, .lifetimeExhausted,
            ])
        #expect(bench.open(frames[5]).verdict == .lifetimeExhausted)
        #expect(bench.open(frames[0]).verdict == .replayed)
        #expect(
            bench.host.usage == [
                AssociationUsage(spi: Example.tunnel.spi, direction: .inbound, packets: 4, bytes: 4 * byteCount)
            ])
        // Refused before the window took its number: with more to spend the same packet is new.
        try bench.host.apply(grant(Example.tunnel, packets: 6))
        #expect(bench.open([frames[5], frames[4]]).map(\.verdict) == [.delivered, .delivered])
        #expect(bench.open(Example.wrapped(Example.tunnelFrame(number: 7))).verdict == .lifetimeExhausted)
    }

    /// What is not authentic uses nothing up, in the same batch or before.
    @Test(arguments: Provider.available) func forgeriesSpendNothing(_ provider: Provider) throws {
        var bench = Example.target(provider)
        try bench.host.apply(grant(Example.tunnel, packets: 2))
        let forged = (1...5).map {
            Example.wrapped(Example.tunnelFrame(number: $0, espFault: ESPFault(otherKey: true)))
        }
        let good = [9, 10].map { Example.wrapped(Example.tunnelFrame(number: $0)) }
        #expect(bench.open(forged).allSatisfy { $0.verdict == .badICV })
        #expect(bench.open(forged + good).suffix(2).map(\.verdict) == [.delivered, .delivered])
        #expect(bench.open(Example.wrapped(Example.tunnelFrame(number: 11))).verdict == .lifetimeExhausted)
    }

    @Test(arguments: Provider.available) func theRouterHoldsTheEndToo(_ provider: Provider) throws {
        var bench = Example.bench(provider)
        try bench.router.apply(grant(Example.tunnel, packets: 2))
        try bench.router.apply(grant(Example.outTunnel, packets: 0))
        let frames = (1...3).map { Example.tunnelFrame(number: $0) }
        #expect(bench.send(frames).map(\.verdict) == [.steered, .steered, .lifetimeExhausted])
        #expect(bench.send(frames[2]).verdict == .lifetimeExhausted)
        #expect(bench.send(Example.transportFrame(number: 1)).verdict == .steered, "another SA has no end")
        // An SA of the same SPI is another SA.
        try bench.router.apply(.install(Example.tunnel))
        #expect(bench.send(frames).map(\.verdict) == [.steered, .steered, .steered])
    }

    /// Whatever grants come between whatever batches, the totals stay within the last one that was higher.
    @Test func theEndIsNeverPassed() throws {
        for seed in 0..<20 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var bench = Example.target()
            try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1 << 40)))
            var ends: [Direction: (bytes: UInt64, packets: UInt64)] = [.inbound: (0, 0), .outbound: (0, 0)]
            for association in [Example.tunnel, Example.outTunnel] {
                try bench.host.apply(grant(association, bytes: 0, packets: 0))
            }
            var number: UInt64 = 0
            for _ in 0..<60 {
                let payload = Int.random(in: 0...400, using: &generator)
                let data = ipv4(
                    from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000, generator.bytes(payload)))
                let count = Int.random(in: 1...8, using: &generator)
                _ = bench.seal(Array(repeating: data, count: count))
                _ = bench.open(
                    (0..<count).map { _ in
                        number += 1
                        return Example.wrapped(Example.tunnelFrame(number: number, Example.innerTCP(payload: payload)))
                    })
                for usage in bench.host.usage {
                    let end = try #require(ends[usage.direction])
                    #expect(usage.bytes <= end.bytes && usage.packets <= end.packets)
                }
                for association in [Example.tunnel, Example.outTunnel] where generator.once(in: 3) {
                    var end = try #require(ends[association.direction])
                    end.bytes += UInt64.random(in: 0...3000, using: &generator)
                    end.packets += UInt64.random(in: 0...12, using: &generator)
                    ends[association.direction] = end
                    try bench.host.apply(grant(association, bytes: end.bytes, packets: end.packets))
                }
            }
            #expect(bench.host.usage.count == 2)
        }
    }

    /// 100,000 SAs cost a report a slice of them: every one's turn comes, once a round.
    @Test func usageComesInSlices() throws {
        var bench = Example.target()
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 9)))
        _ = bench.seal(answer)
        _ = bench.open([
            Example.wrapped(Example.tunnelFrame(number: 1)), Example.wrapped(Example.transportFrame(number: 1)),
        ])
        var place = 0
        var seen: [AssociationUsage] = []
        var slices = 0
        repeat {
            seen += bench.host.usage(from: &place, count: 100)
            slices += 1
        } while place != 0
        #expect(slices == 6, "256 places of each direction")
        #expect(seen == bench.host.usage && seen.count == 3)
        #expect(seen.count { $0.direction == .outbound } == 1)
    }
}
