import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// An outbound SA that is for this target alone goes before those it shares.
@Suite struct OwnAssociationTests {
    private static func own(_ spi: UInt32) -> SecurityAssociation {
        var own = Example.outTunnel
        own.spi = SPI(rawValue: spi)
        own.isOwn = true
        return own
    }

    private let answer = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))

    /// The SPI that a packet goes out under; nil while it waits.
    private func spi(_ bench: inout HostBench, _ packet: Bytes) -> UInt32? {
        let result = bench.seal(packet)
        guard result.verdict == .sealed else { return nil }
        return result.bytes[20..<24].reduce(0) { $0 << 8 | UInt32($1) }
    }

    @Test func itIsUsedFromItsFirstLeaseOnAndUntilItIsRemoved() throws {
        var bench = Example.target()
        let own = Self.own(0xD000_0100)
        let shared = Example.outTunnel.spi
        try bench.host.apply(.lease(shared, Example.lease(1, 1000)))
        try bench.host.apply(.install(own))
        var missed = bench.host.takeMissed()
        #expect(missed == nil)
        #expect(spi(&bench, answer) == shared.rawValue, "nothing waits for its first lease")
        missed = bench.host.takeMissed()
        #expect(missed == own.spi, "but somebody asks for it")
        missed = bench.host.takeMissed()
        #expect(missed == nil, "once a packet")
        #expect(spi(&bench, answer) == shared.rawValue)
        try bench.host.apply(.lease(own.spi, Example.lease(1, 3)))
        missed = bench.host.takeMissed()
        #expect(missed == nil)
        #expect(spi(&bench, answer) == own.spi.rawValue)
        // A younger shared one does not change that.
        var younger = Example.outTunnel
        younger.spi = SPI(rawValue: 0xD000_0101)
        try bench.host.apply(.install(younger))
        try bench.host.apply(.lease(younger.spi, Example.lease(1, 1000)))
        #expect(spi(&bench, answer) == own.spi.rawValue)
        #expect(spi(&bench, answer) == nil, "it waits for numbers: under the shared one it would overtake")
        try bench.host.apply(.lease(own.spi, Example.lease(10, 20)))
        #expect(spi(&bench, answer) == own.spi.rawValue)
        try bench.host.apply(.remove(own.spi, .outbound))
        #expect(spi(&bench, answer) == younger.spi.rawValue)
    }

    @Test func theYoungestOfItsOwnIsUsed() throws {
        var bench = Example.target()
        let first = Self.own(0xD000_0100)
        let second = Self.own(0xD000_0101)
        for own in [first, second] {
            try bench.host.apply(.install(own))
            try bench.host.apply(.lease(own.spi, Example.lease(1, 100)))
        }
        #expect(spi(&bench, answer) == second.spi.rawValue)
        try bench.host.apply(.remove(second.spi, .outbound))
        #expect(spi(&bench, answer) == first.spi.rawValue)
    }

    /// Where no shared SA fits, packets wait for the own one's first lease.
    @Test func withoutASharedOneItIsWaitedFor() throws {
        var bench = Example.target()
        try bench.host.apply(.remove(Example.outTunnel.spi, .outbound))
        let own = Self.own(0xD000_0100)
        try bench.host.apply(.install(own))
        #expect(spi(&bench, answer) == nil)
        try bench.host.apply(.lease(own.spi, Example.lease(1, 3)))
        #expect(spi(&bench, answer) == own.spi.rawValue)
    }

    /// SAs come and go at random beside a plain list.
    @Test func theOrderIsThatOfAPlainList() throws {
        for seed in 0..<10 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var configuration = Example.targetConfiguration()
            configuration.associationCapacity = 16
            var bench = Example.target(configuration)
            try bench.host.apply(.remove(Example.outTunnel.spi, .outbound))
            // The youngest first; the transport SA takes one place.
            var model: [SecurityAssociation] = []
            for _ in 0..<300 {
                var association = Example.outTunnel
                association.spi = SPI(rawValue: 0xE000_0000 + UInt32.random(in: 0..<24, using: &generator))
                association.isOwn = generator.once(in: 3)
                if generator.once(in: 2) {
                    let isThere = model.contains { $0.spi == association.spi }
                    if isThere || model.count < 15 {
                        model.removeAll { $0.spi == association.spi }
                        model.insert(association, at: 0)
                        try bench.host.apply(.install(association))
                        try bench.host.apply(.lease(association.spi, Example.lease(1, 1000)))
                    } else {
                        #expect(throws: InstallFailure.tableFull(capacity: 16)) {
                            try bench.host.apply(.install(association))
                        }
                    }
                } else {
                    model.removeAll { $0.spi == association.spi }
                    try bench.host.apply(.remove(association.spi, .outbound))
                }
                let expected = model.first { $0.isOwn } ?? model.first
                #expect(spi(&bench, answer) == expected?.spi.rawValue)
            }
        }
    }
}
