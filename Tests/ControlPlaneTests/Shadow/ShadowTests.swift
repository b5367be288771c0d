import Associations
import Testing

@testable import ControlPlane

@Suite struct ShadowTests {
    static let second: UInt64 = 1_000_000_000

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func targetsHoldWhatTheRouterWantsWhateverTheLinkDoes(seed: UInt64) {
        var network = ShadowNetwork(targets: 3, seed: seed)
        network.breaking = 50
        var epoch: UInt32 = 1
        for _ in 0..<60 {
            switch network.random.below(12) {
            case 0: network.start(HolderID(place: network.random.below(3)))
            case 1 where network.random.chance(300):
                epoch += 1
                network.restartRouter(epoch: epoch)
            case 2...4:
                let keys = network.wanted.keys.sorted { $0.spi.rawValue < $1.spi.rawValue }
                if !keys.isEmpty { network.remove(keys[network.random.below(keys.count)]) }
            case 5...6:
                let spis = network.wanted.keys.filter { $0.direction == .outbound }.map(\.spi.rawValue).sorted()
                if !spis.isEmpty { network.relocate(SPI(rawValue: spis[network.random.below(spis.count)])) }
            case 7:
                let association = network.association()
                network.install(association, only: HolderID(place: network.random.below(3)))
            default:
                let association = network.association()
                network.install(association)
            }
            _ = network.barrier()
            network.run(for: network.random.next() % 5_000_000)
        }
        network.breaking = 0
        network.run(for: 3 * Self.second)
        let agrees = network.agrees
        #expect(agrees)
        #expect(network.targets.keys.allSatisfy { network.publisher.lag(of: $0)! == (true, 0) })
        #expect(network.disconnections.isEmpty)
        for key in network.wanted.keys {
            for holder in network.targets.keys {
                let state = network.publisher.state(of: key, at: holder)
                #expect(state == (network.only[key].map { $0 == holder } ?? true ? .distributed : nil))
            }
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func aBarrierIsSettledWhenAllHoldTheSA(seed: UInt64) throws {
        var network = ShadowNetwork(targets: 3, seed: seed)
        network.run(for: 2 * Self.second)
        network.install(network.association())
        let ticket = network.barrier()
        while network.settled[ticket] == nil {
            network.run(for: 100_000)
            let holding = network.targets.values.count { $0.held.count == 1 }
            #expect(network.settled[ticket] != [] || holding == 3)
        }
        #expect(network.settled[ticket] == [])
    }

    @Test func whoDoesNotAnswerIsNotWaitedForLong() throws {
        var network = ShadowNetwork(targets: 2, seed: 6)
        network.run(for: Self.second)
        let stalled = HolderID(place: 1)
        network.targets[stalled]!.isStalled = true
        network.install(network.association())
        let ticket = network.barrier()
        network.run(for: ShadowPublisher.Timing().patience - 1)
        #expect(network.settled[ticket] == nil)
        network.run(for: 1)
        #expect(network.settled[ticket] == [stalled])
        let gone = network.barrier()
        network.cut(stalled)
        #expect(network.settled[gone] == [], "a target without a link is not waited for")
    }

    @Test func withoutTargetsABarrierIsSettledAtOnce() {
        var network = ShadowNetwork(targets: 2, seed: 7)
        network.install(network.association())
        let ticket = network.barrier()
        #expect(network.settled[ticket] == [])
    }

    @Test func aLongBacklogArrivesWhole() {
        var network = ShadowNetwork(targets: 1, seed: 8)
        for _ in 0..<Int(2 * ShadowStream.window) { network.install(network.association()) }
        network.run(for: 60 * Self.second)
        let held = network.agrees
        #expect(held)
    }

    @Test func whatIsSaidAgainAndIsTheSameStaysUntouched() {
        var network = ShadowNetwork(targets: 1, seed: 9)
        for _ in 0..<20 { network.install(network.association()) }
        network.run(for: Self.second)
        let holder = HolderID(place: 0)
        #expect(network.targets[holder]!.installations == 20)
        network.cut(holder)
        let key = network.wanted.keys.first { $0.direction == .outbound }!
        network.relocate(key.spi)
        network.remove(network.wanted.keys.first { $0 != key }!)
        network.run(for: Self.second)
        #expect(network.targets[holder]!.installations == 20, "windows and numbers live on")
        let agrees = network.agrees
        #expect(agrees)
    }

    @Test func anotherKeyUnderTheSameSPIReplacesTheSA() {
        var network = ShadowNetwork(targets: 1, seed: 10)
        var association = network.association()
        network.install(association)
        network.run(for: Self.second)
        network.cut(HolderID(place: 0))
        association.key = SecretBytes(
            network.random.nonce(byteCount: 64).prefix(association.transform.keyByteCount))
        network.install(association)
        network.run(for: Self.second)
        let agrees = network.agrees
        #expect(agrees)
        #expect(network.targets[HolderID(place: 0)]!.installations == 2)
    }

    @Test func whoDoesNotAgreeIsNotLetInAndBothHashesAreNamed() {
        var network = ShadowNetwork(targets: 1, seed: 11)
        let holder = HolderID(place: 0)
        network.start(holder, policyHash: [UInt8](repeating: 8, count: 32))
        network.install(network.association())
        network.run(for: 1000 * 1000)
        let refusal = LinkRefusal.policyDiffers(
            router: String(repeating: "07", count: 32), member: String(repeating: "08", count: 32))
        #expect(network.notLetIn == [refusal])
        #expect(network.targets[holder]!.refusal == refusal)
        #expect(network.targets[holder]!.held.isEmpty)
        #expect(network.publisher.lag(of: holder)?.isInService == false)
    }

    @Test func anOlderOwnerIsRefusedByWhoKnowsANewerOne() {
        var network = ShadowNetwork(targets: 2, seed: 12)
        network.restartRouter(epoch: 5)
        network.run(for: Self.second)
        network.install(network.association())
        network.run(for: Self.second)
        // The router of before comes back from wherever it was.
        network.restartRouter(epoch: 4)
        network.run(for: 1_000_000)
        #expect(
            network.notLetIn.allSatisfy { $0 == .epochIsOver(router: Epoch(rawValue: 4), member: Epoch(rawValue: 5)) })
        #expect(network.superseded.contains(Epoch(rawValue: 5)))
        #expect(network.targets.values.allSatisfy { $0.held.count == 1 }, "it changes nothing")
    }

    @Test func aTooOldMemberIsRefused() {
        var network = ShadowNetwork(targets: 1, seed: 13)
        network.start(HolderID(place: 0), version: LinkVersion.oldest - 1)
        network.run(for: 1_000_000)
        #expect(network.notLetIn == [.versionTooOld(oldest: LinkVersion.oldest)])
    }

    @Test func whatATargetCannotTakeIsNamed() throws {
        var network = ShadowNetwork(targets: 2, seed: 14)
        network.run(for: Self.second)
        let association = network.association()
        network.refusing = .tableFull
        network.install(association)
        _ = network.barrier()
        network.run(for: Self.second)
        #expect(network.refusals == [.tableFull])
        let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
        let states = Set((0..<2).map { network.publisher.state(of: key, at: HolderID(place: $0)) })
        #expect(states == [.distributed, .refused(.tableFull)])
    }

    @Test func aTargetWithoutTheTransformIsNotAsked() {
        var network = ShadowNetwork(targets: 2, seed: 15, hasRelay: true)
        network.transforms = ["aes128gcm16", "esn"]
        network.start(HolderID(place: 1))
        network.run(for: Self.second)
        var association = network.association()
        while association.transform != .aes256gcm16 { association = network.association() }
        network.install(association)
        let ticket = network.barrier()
        network.run(for: Self.second)
        let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
        #expect(network.settled[ticket] == [])
        #expect(network.publisher.state(of: key, at: HolderID(place: 0)) == .distributed)
        #expect(network.publisher.state(of: key, at: HolderID(place: 1)) == .usedAtRouter)
        #expect(network.publisher.exceptions(at: HolderID(place: 1)).count == 1)
        #expect(network.targets[network.relay!]!.held.keys.contains(key))
        let relayed = RelayedAssociation(
            spi: association.spi, direction: association.direction, selectors: association.selectors)
        #expect(network.targets[HolderID(place: 1)]!.relayed == [key: relayed], "selectors, and no key")
        #expect(network.lacking[HolderID(place: 1)] == Set(Transform.allCases).subtracting([.aes128gcm16]))
    }

    @Test func withoutARelayWhatATargetCannotDoIsNotDistributed() {
        var network = ShadowNetwork(targets: 1, seed: 18)
        network.transforms = ["aes128gcm16"]
        network.start(HolderID(place: 0))
        network.run(for: Self.second)
        var association = network.association()
        while association.transform != .aes256gcm16 { association = network.association() }
        network.install(association)
        network.run(for: Self.second)
        let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
        #expect(network.publisher.state(of: key, at: HolderID(place: 0)) == .notDistributed)
    }

    /// Targets with and without a transform come and go, and so does the relay.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func theRelayHoldsWhatItDoesForOthersWhateverTheLinkDoes(seed: UInt64) {
        var network = ShadowNetwork(targets: 3, seed: seed, hasRelay: true)
        network.breaking = 50
        for _ in 0..<60 {
            switch network.random.below(10) {
            case 0:
                network.transforms = network.random.chance(500) ? ["aes128gcm16"] : ["aes128gcm16", "aes256gcm16"]
                if network.random.chance(700) { network.transforms.append("esn") }
                network.start(HolderID(place: network.random.below(3)))
                network.transforms = ["aes128gcm16", "aes256gcm16", "esn"]
            case 1: network.cut(network.relay!)
            case 2...4:
                let keys = network.wanted.keys.sorted { $0.spi.rawValue < $1.spi.rawValue }
                if !keys.isEmpty { network.remove(keys[network.random.below(keys.count)]) }
            case 5:
                let spis = network.wanted.keys.filter { $0.direction == .outbound }.map(\.spi.rawValue).sorted()
                if !spis.isEmpty { network.relocate(SPI(rawValue: spis[network.random.below(spis.count)])) }
            case 6:
                let association = network.association()
                network.install(association, only: HolderID(place: network.random.below(3)))
            default:
                let association = network.association()
                network.install(association)
            }
            network.run(for: network.random.next() % 5_000_000)
        }
        network.breaking = 0
        network.run(for: 3 * Self.second)
        let agrees = network.agrees
        #expect(agrees)
        for (key, association) in network.wanted where network.only[key] == nil {
            for holder in (0..<3).map(HolderID.init(place:)) {
                let canDo = network.can(association, holder)
                #expect(network.publisher.state(of: key, at: holder) == (canDo ? .distributed : .usedAtRouter))
            }
        }
    }

    @Test func grantsGoToTheirTargetOnly() {
        var network = ShadowNetwork(targets: 2, seed: 16)
        let association = network.association()
        network.install(association)
        network.run(for: Self.second)
        let grant = LifecountGrant(spi: association.spi, direction: association.direction, bytes: 1000, packets: 3)
        network.perform(network.publisher.publish(.allow(grant), only: HolderID(place: 1)))
        network.run(for: Self.second)
        #expect(network.targets[HolderID(place: 0)]!.grants.isEmpty)
        #expect(network.targets[HolderID(place: 1)]!.grants == [grant])
    }

    @Test func entriesSurviveBeingWritten() {
        var network = ShadowNetwork(targets: 0, seed: 17)
        let grant = LifecountGrant(spi: SPI(rawValue: 0x1234), direction: .inbound, bytes: .max, packets: 77)
        let association = network.association()
        let relayed = RelayedAssociation(spi: association.spi, direction: .inbound, selectors: association.selectors)
        for entry in [ShadowEntry.begin, .complete, .install(association), .allow(grant), .relay(relayed)] {
            #expect(ShadowEntry(entry.bytes)?.bytes == entry.bytes)
            for count in 0..<entry.bytes.count { #expect(ShadowEntry(Array(entry.bytes[..<count])) == nil) }
        }
    }
}
