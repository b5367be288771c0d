import Associations
import Testing

@testable import ControlPlane

@Suite struct ShadowTests {
    static let second: UInt64 = 1_000_000_000

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func targetsHoldWhatTheRouterWantsWhateverTheLinkDoes(seed: UInt64) {
        var network = ShadowNetwork(targets: 3, seed: seed)
        network.lost = 200
        network.doubled = 100
        for _ in 0..<60 {
            switch network.random.below(12) {
            case 0: network.start(HolderID(rawValue: UInt16(network.random.below(3))))
            case 1 where network.random.chance(300): network.restartRouter()
            case 2...4:
                let keys = network.wanted.keys.sorted { $0.spi.rawValue < $1.spi.rawValue }
                if !keys.isEmpty { network.remove(keys[network.random.below(keys.count)]) }
            case 5...6:
                let spis = network.wanted.keys.filter { $0.direction == .outbound }.map(\.spi.rawValue).sorted()
                if !spis.isEmpty { network.relocate(SPI(rawValue: spis[network.random.below(spis.count)])) }
            default: network.install(network.association())
            }
            _ = network.barrier()
            network.run(for: network.random.next() % 50_000_000)
        }
        network.lost = 0
        network.run(for: 3 * Self.second)
        let agrees = network.agrees
        #expect(agrees)
        #expect(network.targets.keys.allSatisfy { network.publisher.lag(of: $0)! == (true, 0) })
    }

    @Test func aBarrierIsSettledWhenAllHoldTheSA() throws {
        var network = ShadowNetwork(targets: 3, seed: 5)
        network.lost = 300
        network.run(for: 2 * Self.second)
        network.install(network.association())
        let ticket = network.barrier()
        while network.settled[ticket] == nil {
            network.run(for: 1_000_000)
            let holding = network.targets.values.count { $0.held.count == 1 }
            #expect(network.settled[ticket] != [] || holding == 3)
        }
        #expect(network.settled[ticket] == [])
    }

    @Test func whoIsSilentIsNotWaitedForLong() throws {
        var network = ShadowNetwork(targets: 2, seed: 6)
        network.run(for: Self.second)
        let silent = HolderID(rawValue: 1)
        network.targets[silent] = nil
        network.install(network.association())
        let ticket = network.barrier()
        network.run(for: ShadowPublisher.Timing().patience - 1)
        #expect(network.settled[ticket] == nil)
        network.run(for: 1)
        #expect(network.settled[ticket] == [silent])
        network.run(for: 2 * Self.second)
        network.install(network.association())
        let second = network.barrier()
        network.run(for: 50_000_000)
        #expect(network.settled[second] == [], "a target out of service is not waited for")
    }

    @Test func withoutTargetsABarrierIsSettledAtOnce() {
        var network = ShadowNetwork(targets: 2, seed: 7)
        network.install(network.association())
        let ticket = network.barrier()
        #expect(network.settled[ticket] == [])
    }

    @Test func aLongBacklogArrivesWhole() {
        var network = ShadowNetwork(targets: 1, seed: 8)
        network.lost = 100
        for _ in 0..<1000 { network.install(network.association()) }
        network.run(for: 60 * Self.second)
        let held = network.agrees
        #expect(held)
    }

    @Test func anotherClustersKeyIsNamed() throws {
        var network = ShadowNetwork(targets: 1, seed: 9)
        var stranger = ShadowSubscriber(
            holder: HolderID(rawValue: 0), clusterKey: SecretBytes([UInt8](repeating: 8, count: 32)),
            incarnation: Incarnation(using: &network.random), at: 0)
        for case .send(let bytes) in stranger.tick(at: network.now) {
            network.inject(bytes, from: HolderID(rawValue: 0))
        }
        #expect(network.counted == [.foreignKey])
    }

    @Test func whatIsNotAuthenticChangesNothing() throws {
        var network = ShadowNetwork(targets: 1, seed: 10)
        network.run(for: Self.second)
        network.install(network.association())
        let holder = HolderID(rawValue: 0)
        let (_, actions) = network.publisher.barrier(at: network.now)
        let entries = actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
        let entry = try #require(entries.first)
        var subscriber = try #require(network.targets[holder]?.subscriber)
        let before = contents(of: subscriber)
        for bit in 0..<entry.count * 8 {
            var bytes = entry
            bytes[bit / 8] ^= 1 << (bit % 8)
            let applied = subscriber.receive(bytes, at: network.now).contains {
                if case .apply = $0 { true } else { false }
            }
            #expect(!applied)
            #expect(contents(of: subscriber) == before, "bit \(bit)")
        }
        for count in 0..<entry.count {
            _ = subscriber.receive(Array(entry[..<count]), at: network.now)
            #expect(contents(of: subscriber) == before)
        }
    }

    @Test func aFormerRoutersStreamIsNotTakenUpAgain() throws {
        var network = ShadowNetwork(targets: 1, seed: 11)
        let holder = HolderID(rawValue: 0)
        var recorded: [[UInt8]] = []
        // The first beginning, kept by somebody on the link.
        for case .send(let bytes) in network.targets[holder]!.subscriber.tick(at: network.now) {
            for case .send(let entry, _) in network.publisher.receive(bytes, from: holder, at: network.now) {
                recorded.append(entry)
                _ = network.targets[holder]!.subscriber.receive(entry, at: network.now)
            }
        }
        #expect(!recorded.isEmpty)
        network.restartRouter()
        network.run(for: Self.second)
        network.install(network.association())
        network.run(for: Self.second)
        #expect(network.agrees)
        for bytes in recorded { _ = network.targets[holder]!.subscriber.receive(bytes, at: network.now) }
        network.install(network.association())
        network.run(for: Self.second)
        let held = network.agrees
        #expect(held)
    }

    /// More SAs than one report has room for, noted anew before every report as a target's loop does.
    @Test func theUsageOfEverySAIsReported() {
        var network = ShadowNetwork(targets: 1, seed: 13)
        network.run(for: Self.second)
        let spis = (1...UInt32(3 * ShadowReport.usageLimit)).map { SPI(rawValue: 0x1000 + $0) }
        for round in 1...10 as ClosedRange<UInt64> {
            network.targets[HolderID(rawValue: 0)]!.subscriber.note(
                spis.map { AssociationUsage(spi: $0, direction: .outbound, packets: round, bytes: round * 100) })
            network.run(for: ShadowSubscriber.interval)
        }
        #expect(Set(network.usage.map(\.spi)) == Set(spis))
    }

    @Test func whatATargetCannotTakeIsReported() throws {
        var network = ShadowNetwork(targets: 1, seed: 12)
        network.run(for: Self.second)
        let association = network.association()
        network.install(association)
        _ = network.barrier()
        network.run(for: 10_000_000)
        let holder = HolderID(rawValue: 0)
        network.targets[holder]!.subscriber.refused(
            ShadowEntry.Key(spi: association.spi, direction: association.direction), .tableFull)
        network.targets[holder]!.subscriber.note([
            AssociationUsage(spi: association.spi, direction: .outbound, packets: 3, bytes: 4500)
        ])
        network.run(for: Self.second)
        #expect(network.refusals == [.tableFull])
        #expect(
            network.usage == [AssociationUsage(spi: association.spi, direction: .outbound, packets: 3, bytes: 4500)])
    }
}
