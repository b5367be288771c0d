import Associations
import Testing
import Wire

@testable import ControlPlane

/// Extended sequence numbers on their way to the targets.
@Suite struct ShadowESNTests {
    static let second: UInt64 = 1_000_000_000

    private func association(_ network: inout ShadowNetwork, _ direction: Direction = .inbound) -> SecurityAssociation {
        var association = network.association()
        association.direction = direction
        association.hasESN = true
        return association
    }

    @Test(arguments: [false, true]) func entriesSurviveBeingWritten(_ isOwn: Bool) throws {
        var network = ShadowNetwork(targets: 0, seed: 21)
        var association = association(&network, .outbound)
        association.isOwn = isOwn
        let entries = [ShadowEntry.install(association), .advance(association.spi, 3 << 33 | 5)]
        for entry in entries {
            #expect(ShadowEntry(entry.bytes)?.bytes == entry.bytes)
            for count in 0..<entry.bytes.count { #expect(ShadowEntry(Array(entry.bytes[..<count])) == nil) }
        }
        guard case .install(let read) = ShadowEntry(entries[0].bytes) else {
            Issue.record("not an SA")
            return
        }
        #expect(read.hasESN && read.isOwn == isOwn && read.lastSequenceNumber == .max >> 1)
        // A mark that nobody knows is not passed over: it may say what the SA is.
        var bytes = entries[0].bytes
        bytes[6] |= 4
        #expect(ShadowEntry(bytes) == nil)
        // An older member cannot read it, which is what it says then, and names the SA.
        #expect(bytes[0] > 8)
        #expect(
            ShadowEntry.Key(unreadable: bytes) == ShadowEntry.Key(spi: association.spi, direction: .outbound))
    }

    /// Without ESN nothing has changed on the wire.
    @Test func withoutESNTheFormIsTheOldOne() {
        var network = ShadowNetwork(targets: 0, seed: 22)
        var association = association(&network)
        association.hasESN = false
        #expect(ShadowEntry.install(association).bytes[0] == 1)
        association.isOwn = true
        #expect(ShadowEntry.install(association).bytes[0] == 7)
    }

    /// An older build says nothing of ESN in its hello.
    @Test func anOlderTargetIsNotAskedAndTheRelayDoesIt() {
        var network = ShadowNetwork(targets: 2, seed: 23, hasRelay: true)
        network.transforms = Transform.allCases.map(\.rawValue)
        network.start(HolderID(place: 1))
        network.run(for: Self.second)
        let association = association(&network)
        network.install(association)
        network.run(for: Self.second)
        let key = ShadowEntry.Key(spi: association.spi, direction: .inbound)
        #expect(network.publisher.state(of: key, at: HolderID(place: 0)) == .distributed)
        #expect(network.publisher.state(of: key, at: HolderID(place: 1)) == .usedAtRouter)
        #expect(network.publisher.exceptions(at: HolderID(place: 1)).count == 1)
        #expect(network.targets[network.relay!]!.held.keys.contains(key))
        #expect(network.targets[HolderID(place: 1)]!.held.isEmpty)
        #expect(network.lackingESN == [HolderID(place: 1)])
        // It comes back with a newer build.
        network.transforms = MemberMessage.Hello.words(for: Transform.allCases)
        network.start(HolderID(place: 1))
        network.run(for: Self.second)
        #expect(network.lackingESN.isEmpty)
        #expect(network.publisher.state(of: key, at: HolderID(place: 1)) == .distributed)
        let agrees = network.agrees
        #expect(agrees)
    }

    /// Said once, and again to who comes anew; not to who cannot read it.
    @Test func floorsReachWhoNeedsThem() {
        var network = ShadowNetwork(targets: 3, seed: 24, hasRelay: true)
        network.transforms = Transform.allCases.map(\.rawValue)
        network.start(HolderID(place: 2))
        network.run(for: Self.second)
        let association = association(&network)
        let manual = SPI(rawValue: 0xC000_0001)
        network.install(association)
        for (spi, number) in [(association.spi, 1 << 31), (association.spi, 3 << 31), (manual, 7 << 31)] {
            network.perform(network.publisher.publish(.advance(spi, UInt64(number))))
        }
        network.run(for: Self.second)
        let told: [SPI: UInt64] = [association.spi: 3 << 31, manual: 7 << 31]
        #expect(network.targets[HolderID(place: 0)]!.floors == told)
        #expect(network.targets[HolderID(place: 2)]!.floors.isEmpty)
        network.transforms = MemberMessage.Hello.words(for: Transform.allCases)
        network.start(HolderID(place: 1))
        network.start(HolderID(place: 2))
        network.run(for: Self.second)
        #expect(network.targets[HolderID(place: 1)]!.floors == told)
        #expect(network.targets[HolderID(place: 2)]!.floors == told)
        // Another SA of the same SPI begins at 0.
        network.remove(ShadowEntry.Key(spi: association.spi, direction: .inbound))
        network.start(HolderID(place: 1))
        network.run(for: Self.second)
        #expect(network.targets[HolderID(place: 1)]!.floors == [manual: 7 << 31])
    }

    private func usage(_ highest: UInt64, _ direction: Direction = .inbound) -> AssociationUsage {
        AssociationUsage(spi: SPI(rawValue: 300), direction: direction, packets: 1, bytes: 100, highest: highest)
    }

    private func floor(_ floors: inout NumberFloors, _ highest: UInt64) -> UInt64? {
        floors.received([usage(highest)]).first?.1
    }

    @Test func aFloorIsToldEvery2To30Numbers() {
        var floors = NumberFloors()
        let step: UInt64 = 1 << 30
        #expect(floor(&floors, 0) == nil)
        #expect(floor(&floors, 2 * step - 1) == nil)
        #expect(floor(&floors, 2 * step) == step)
        #expect(floor(&floors, 3 * step - 1) == nil)
        #expect(floor(&floors, 3 * step) == 2 * step)
        #expect(floor(&floors, 40 * step + 5) == 39 * step + 5)
        #expect(floor(&floors, 40 * step) == nil)
        let outbound = floors.received([usage(1 << 40, .outbound)])
        #expect(outbound.isEmpty)
        floors.forget(SPI(rawValue: 300))
        #expect(floor(&floors, 2 * step) == step)
    }

    /// However the router's numbers go on, a target that hears of floors as late as half of the numbers later is never so far
    /// behind that 32 bits would not tell it the number.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func noTargetFallsTooFarBehind(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var floors = NumberFloors()
        var (top, target): (UInt64, UInt64) = (0, 0)
        var underWay: [(floor: UInt64, arrivesAt: UInt64)] = []
        for _ in 0..<5000 {
            // Reports come at least every 2^29 numbers, and what they bring about takes up to 2^30.
            top += random.next() % (1 << 29)
            if let floor = floor(&floors, top) { underWay.append((floor, top + random.next() % (1 << 30))) }
            while let first = underWay.first, first.arrivesAt <= top {
                target = max(target, underWay.removeFirst().floor)
            }
            #expect(target <= top && top - target <= 1 << 32 - 4096)
        }
        #expect(top > 1 << 40)
    }
}
