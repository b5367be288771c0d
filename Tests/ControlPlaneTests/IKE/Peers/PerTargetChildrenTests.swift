import Associations
import Testing

@testable import ControlPlane

private func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
private func target(_ place: UInt16) -> HolderID { HolderID(rawValue: place) }
private func targets(_ places: Range<UInt16>) -> Set<HolderID> { Set(places.map(target)) }
private func spis(_ number: UInt32) -> ChildSPIs {
    ChildSPIs(inbound: SPI(rawValue: 0x1000 + number), outbound: SPI(rawValue: 0x2000 + number))
}
private let id = PeerSessions.ID(rawValue: 1)
private let peer = IdentificationPayload(.fqdn, data: Array("peer.example".utf8))
private let own = IdentificationPayload(.fqdn, data: Array("gw.example".utf8))
private let shared = spis(0)

/// One IKE SA with its first Child SA, before three targets.
private func upgraded(own count: UInt16 = 0, of all: UInt16 = 3) -> PerTargetChildren {
    var children = PerTargetChildren()
    children.inService(targets(0..<all), at: 0)
    children.established(id, with: peer, as: own, at: 0)
    children.used(shared, of: id, for: nil, replacing: nil, at: 0)
    for place in 0..<count {
        _ = children.tick(at: 0)
        children.used(spis(1 + UInt32(place)), of: id, for: target(place), replacing: nil, at: 0)
    }
    return children
}

private func sent(_ packets: UInt64, _ child: ChildSPIs) -> AssociationUsage {
    AssociationUsage(spi: child.outbound, direction: .outbound, packets: packets, bytes: 0)
}
private func received(_ packets: UInt64, _ child: ChildSPIs = shared) -> AssociationUsage {
    AssociationUsage(spi: child.inbound, direction: .inbound, packets: packets, bytes: 0)
}

@Suite struct PerTargetChildrenTests {
    @Test func oneForEachTargetAndOneAtATime() {
        var children = upgraded()
        #expect(children.tick(at: 0) == [.add(id, target(0))])
        #expect(children.tick(at: 1) == [])
        children.used(spis(1), of: id, for: target(0), replacing: nil, at: 2)
        #expect(children.holder(of: spis(1), in: id) == target(0))
        #expect(children.holder(of: shared, in: id) == nil)
        #expect(children.tick(at: 2) == [.add(id, target(1))])
        children.used(spis(2), of: id, for: target(1), replacing: nil, at: 3)
        #expect(children.tick(at: 3) == [.add(id, target(2))])
        children.used(spis(3), of: id, for: target(2), replacing: nil, at: 4)
        #expect(children.tick(at: seconds(10_000)) == [])
        #expect(children.count == 3 && children.asking == 0)
    }

    @Test func nothingIsAskedForASingleTargetNorBeforeTheFirstChild() {
        var children = PerTargetChildren()
        children.established(id, with: peer, as: own, at: 0)
        children.inService(targets(0..<3), at: 0)
        #expect(children.tick(at: seconds(1)) == [])
        children.inService(targets(0..<1), at: seconds(2))
        children.used(shared, of: id, for: nil, replacing: nil, at: seconds(2))
        #expect(children.tick(at: seconds(3)) == [])
        children.inService(targets(0..<2), at: seconds(4))
        #expect(children.tick(at: seconds(4)) == [.add(id, target(0))])
    }

    @Test func aConnectionThatMayNotIsLeftAlone() {
        var children = PerTargetChildren()
        children.inService(targets(0..<3), at: 0)
        children.used(shared, of: id, for: nil, replacing: nil, at: 0)
        #expect(children.tick(at: seconds(1)) == [] && children.deadline == nil)
    }

    @Test func moreTargetsThanSAsLease() {
        var children = upgraded(own: UInt16(PerTargetChildren.Limit.children), of: 20)
        #expect(children.tick(at: seconds(1)) == [])
        #expect(children.count == PerTargetChildren.Limit.children)
    }

    @Test func aRefusalKeepsWhatIsThereAndIsRememberedForAnHour() {
        var children = upgraded(own: 1)
        #expect(children.tick(at: 0) == [.add(id, target(1))])
        children.refused(target(1), in: id, at: seconds(1))
        #expect(children.tick(at: seconds(1)) == [] && children.count == 1)
        #expect(children.tick(at: seconds(3600)) == [])
        // Beyond the IKE SA, too: it is the peer who refused.
        children.ended(id)
        let next = PeerSessions.ID(rawValue: 2)
        children.established(next, with: peer, as: own, at: seconds(3600))
        children.used(shared, of: next, for: nil, replacing: nil, at: seconds(3600))
        #expect(children.tick(at: seconds(3600)) == [])
        #expect(children.tick(at: seconds(3601)) == [.add(next, target(0))])
    }

    @Test func aRekeyIsAnOccasionToAskAgainButNotAtOnce() {
        var children = upgraded()
        _ = children.tick(at: 0)
        children.refused(target(0), in: id, at: 0)
        children.used(spis(10), of: id, for: nil, replacing: shared, at: seconds(59))
        #expect(children.tick(at: seconds(59)) == [])
        children.deleted(shared, of: id, at: seconds(59))
        children.used(spis(11), of: id, for: nil, replacing: spis(10), at: seconds(60))
        #expect(children.tick(at: seconds(60)) == [.add(id, target(0))])
    }

    @Test func aRequestWithoutAnOutcomeIsARefusal() {
        var children = upgraded()
        #expect(children.tick(at: 0) == [.add(id, target(0))])
        #expect(children.deadline == seconds(60))
        #expect(children.tick(at: seconds(60)) == [])
        #expect(children.asking == 0)
        #expect(children.tick(at: seconds(3660)) == [.add(id, target(0))])
    }

    @Test func whatHadToWaitIsTriedAgain() {
        var children = upgraded()
        let action = PerTargetChildren.Action.add(id, target(0))
        #expect(children.tick(at: 0) == [action])
        children.putOff(action, at: 0)
        #expect(children.asking == 0)
        #expect(children.tick(at: 49_000_000) == [])
        #expect(children.tick(at: 50_000_000) == [action])
    }

    @Test func aTargetThatLeftLosesItsOwnAfterAWhile() {
        var children = upgraded(own: 3)
        children.inService([target(0), target(2)], at: seconds(1))
        #expect(children.tick(at: seconds(30)) == [])
        // Back in time.
        children.inService(targets(0..<3), at: seconds(30))
        #expect(children.tick(at: seconds(40)) == [])
        children.inService([target(0), target(2)], at: seconds(50))
        #expect(children.tick(at: seconds(80)) == [.delete(id, spis(2), .targetLeft(target(1)))])
        #expect(children.tick(at: seconds(90)) == [])
        children.deleted(spis(2), of: id, at: seconds(90))
        #expect(children.count == 2)
        children.inService(targets(0..<3), at: seconds(100))
        #expect(children.tick(at: seconds(100)) == [.add(id, target(1))])
    }

    @Test func ownOnesAreRekeyedBehindTheShared() {
        var children = upgraded(own: 2, of: 2)
        children.used(spis(10), of: id, for: nil, replacing: shared, at: seconds(5))
        #expect(children.tick(at: seconds(5)) == [.rekey(id, spis(1)), .rekey(id, spis(2))])
        #expect(children.tick(at: seconds(6)) == [])
        children.used(spis(11), of: id, for: nil, replacing: spis(1), at: seconds(6))
        children.deleted(spis(1), of: id, at: seconds(6))
        #expect(children.holder(of: spis(11), in: id) == target(0))
        #expect(children.tick(at: seconds(7)) == [])
    }

    @Test func whatThePeerDeletesIsNotAskedForAtOnce() {
        var children = upgraded(own: 3)
        children.deleted(spis(2), of: id, at: seconds(1))
        #expect(children.tick(at: seconds(3600)) == [])
        #expect(children.tick(at: seconds(3601)) == [.add(id, target(1))])
    }

    @Test func soManyRequestsAtOnceAndNoMore() {
        var children = PerTargetChildren()
        children.inService(targets(0..<2), at: 0)
        for number in 1...200 as ClosedRange<UInt64> {
            let id = PeerSessions.ID(rawValue: number)
            children.established(id, with: peer, as: own, at: 0)
            children.used(spis(UInt32(number)), of: id, for: nil, replacing: nil, at: 0)
        }
        var asked: Set<UInt64> = []
        var now: UInt64 = 0
        while asked.count < 200 {
            let actions = children.tick(at: now)
            #expect(children.asking <= PerTargetChildren.Limit.asking)
            for case .add(let id, let holder) in actions {
                asked.insert(id.rawValue)
                children.used(
                    spis(1000 + 10 * UInt32(id.rawValue) + UInt32(holder.rawValue)), of: id, for: holder,
                    replacing: nil,
                    at: now)
            }
            now = max(now + 1, children.deadline ?? now)
            guard now < seconds(60) else { break }
        }
        #expect(asked.count == 200)
    }

    @Test func resourcesNameTargets() {
        #expect(PerTargetChildren.holder(of: PerTargetChildren.resource(for: target(513))) == target(513))
        for other in ["", "target", "target x", "target 70000", "cpu 3", "target 1 2"] {
            #expect(PerTargetChildren.holder(of: Array(other.utf8)) == nil)
        }
    }
}

/// A peer that takes the Child SA and drops what comes by it.
@Suite struct DroppedTrafficTests {
    /// Reports every second; target 0 has an own SA and sends 100 packets a second under it.
    private func run(
        _ children: inout PerTargetChildren, from start: UInt64 = 0, seconds count: UInt64,
        hears: (UInt64) -> Bool, otherHears: (UInt64) -> Bool, packets: UInt64 = 100
    ) -> [(second: UInt64, PerTargetChildren.Action)] {
        var heard: [UInt64] = [0, 0]
        var done: [(UInt64, PerTargetChildren.Action)] = []
        for second in start..<start + count {
            if hears(second) { heard[0] += 10 }
            if otherHears(second) { heard[1] += 10 }
            children.reported(
                [sent(second * packets, spis(1)), received(heard[0])], by: target(0), at: seconds(second))
            children.reported([received(heard[1])], by: target(1), at: seconds(second))
            for action in children.tick(at: seconds(second)) {
                done.append((second, action))
                guard case .add(let id, let holder) = action else { continue }
                children.used(
                    spis(20 + UInt32(holder.rawValue)), of: id, for: holder, replacing: nil, at: seconds(second))
            }
        }
        return done.filter { if case .delete = $0.1 { true } else { false } }
    }

    @Test func isGivenUpWhileOthersHear() {
        var children = upgraded(own: 1)
        let done = run(&children, seconds: 60, hears: { $0 < 5 }, otherHears: { _ in true })
        #expect(done.map(\.1) == [.delete(id, spis(1), .unanswered(target(0)))])
        #expect((15...17).contains(done.first?.second ?? 0))
        children.deleted(spis(1), of: id, at: seconds(60))
        // For an hour, whatever is rekeyed.
        children.used(spis(10), of: id, for: nil, replacing: shared, at: seconds(1000))
        let adds = children.tick(at: seconds(1000)).contains { if case .add = $0 { true } else { false } }
        #expect(!adds)
        #expect(children.tick(at: seconds(3700)) == [.add(id, target(0))])
    }

    @Test func isGivenUpLaterWhenNobodyHears() {
        var children = upgraded(own: 1)
        let done = run(&children, seconds: 60, hears: { $0 < 5 }, otherHears: { $0 < 5 })
        #expect(done.count == 1 && (35...37).contains(done.first?.second ?? 0))
    }

    @Test func staysWithAnAnswerNowAndThen() {
        var children = upgraded(own: 1)
        #expect(run(&children, seconds: 300, hears: { $0 % 8 == 0 }, otherHears: { _ in true }).isEmpty)
    }

    @Test func staysWithFewPackets() {
        var children = upgraded(own: 1)
        #expect(run(&children, seconds: 60, hears: { _ in false }, otherHears: { _ in true }, packets: 1).isEmpty)
    }

    @Test func staysWhenNothingIsSent() {
        var children = upgraded(own: 1)
        #expect(run(&children, seconds: 300, hears: { _ in false }, otherHears: { _ in true }, packets: 0).isEmpty)
    }

    /// Its counts begin at 0 again: that is no traffic.
    @Test func aTargetThatBeganAnewIsNotJudgedByItsOldCounts() {
        var children = upgraded(own: 1)
        _ = run(&children, seconds: 10, hears: { _ in true }, otherHears: { _ in true })
        for second in 10..<100 as Range<UInt64> {
            children.reported([sent(second % 2, spis(1))], by: target(0), at: seconds(second))
            children.reported([received(100 + second)], by: target(1), at: seconds(second))
        }
        // At most one packet in two reports counts as sent.
        let deletes = children.tick(at: seconds(100)).contains { if case .delete = $0 { true } else { false } }
        #expect(!deletes)
    }

    @Test func whatATargetSaysOfOthersSAsChangesNothing() {
        var children = upgraded(own: 1)
        for second in 0..<60 as Range<UInt64> {
            children.reported([sent(second * 100, spis(1))], by: target(2), at: seconds(second))
            children.reported([sent(second * 100, spis(99))], by: target(0), at: seconds(second))
            children.reported([received(second)], by: target(1), at: seconds(second))
        }
        let deletes = children.tick(at: seconds(60)).contains { if case .delete = $0 { true } else { false } }
        #expect(!deletes)
    }
}
