import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct AssociationGroupsTests {
    private static func sa(
        _ spi: UInt32, from source: String = "198.51.100.10", remote: String = "10.71.0.0/24", port: UInt16? = nil
    ) -> SecurityAssociation {
        var association = association(spi: spi, from: source, to: "203.0.113.1", remote: remote, local: "10.72.0.0/24")
        association.udpEncapsulation = port.map { UDPEncapsulation(remotePort: $0) }
        return association
    }

    private static func group(_ groups: inout AssociationGroups, _ association: SecurityAssociation) -> Int32? {
        groups.enter(association, round: 0)?.group
    }

    @Test func whatMayCarryTheSameConnectionsIsTogether() {
        var groups = AssociationGroups(capacity: 100)
        let first = Self.group(&groups, Self.sa(1))
        // A rekey; a peer that has moved; another Child SA of the same peer.
        let renewed = Self.group(&groups, Self.sa(2))
        let moved = Self.group(&groups, Self.sa(3, from: "198.51.100.99"))
        let child = Self.group(&groups, Self.sa(4, remote: "10.99.0.0/16"))
        #expect(renewed == first && moved == first && child == first)
        let other = Self.group(&groups, Self.sa(5, from: "198.51.100.11", remote: "10.71.1.0/24"))
        #expect(other != first)
    }

    @Test func peersBehindOneNATAreTheirOwn() {
        var groups = AssociationGroups(capacity: 100)
        let one = Self.group(&groups, Self.sa(1, remote: "10.1.0.1/32", port: 4500))
        let two = Self.group(&groups, Self.sa(2, remote: "10.1.0.2/32", port: 1025))
        let child = Self.group(&groups, Self.sa(3, remote: "10.1.9.0/24", port: 1025))
        #expect(one != two)
        #expect(child == two)
    }

    @Test func aGroupIsRememberedWhileThereIsRoom() {
        var groups = AssociationGroups(capacity: 100)
        let first = Self.group(&groups, Self.sa(1))
        groups.leave(SPI(rawValue: 1))
        let again = Self.group(&groups, Self.sa(2, from: "198.51.100.55"))
        #expect(again == first)
    }

    /// A number that was somebody's is somebody else's only when all workers have gone so many rounds.
    @Test func numbersAreUsedAgainOnlyLater() throws {
        var groups = AssociationGroups(capacity: 16)
        var retired: [Int32] = []
        var given: Set<Int32> = []
        for peer in 0..<16 {
            let sa = Self.sa(UInt32(1000 + peer), from: "198.51.101.\(peer)", remote: "10.\(peer).0.0/16")
            guard let entered = groups.enter(sa, round: 7) else { continue }
            let isAnother = given.insert(entered.group).inserted
            #expect(entered.isNew && isAnother)
            for case .retire(let group) in entered.changes { retired.append(group) }
            groups.leave(sa.spi)
        }
        #expect(!retired.isEmpty)
        #expect(Set(retired).isSubset(of: given))
        func next(_ spi: UInt32, round: UInt64) -> (group: Int32, isNew: Bool, changes: [AssociationGroups.Change])? {
            groups.enter(Self.sa(spi, from: "192.0.2.\(spi)", remote: "11.\(spi).0.0/16"), round: round)
        }
        var early: [Int32] = []
        for spi in 1...20 {
            if let entered = next(UInt32(spi), round: 9) { early.append(entered.group) }
        }
        #expect(Set(early).isDisjoint(with: retired))
        let late = try #require(next(30, round: 20))
        #expect(late.changes.contains(.reopen(late.group)))
    }

    @Test func replacingAnSAKeepsTheCount() {
        var groups = AssociationGroups(capacity: 100)
        let first = Self.group(&groups, Self.sa(1))
        let same = Self.group(&groups, Self.sa(1))
        #expect(first == same)
        for _ in 0..<1000 {
            groups.leave(SPI(rawValue: 1))
            let again = Self.group(&groups, Self.sa(1))
            #expect(again == first)
        }
    }

    @Test func addressesFindTheirGroup() {
        var finder = AddressFinder()
        finder.add([AddressRange("10.0.0.0/8")!, AddressRange("2001:db8::/32")!], 1)
        finder.add([AddressRange("10.1.0.0/16")!, AddressRange("192.0.2.5-192.0.2.9")!], 2)
        finder.add([AddressRange("0.0.0.0/0")!], 3)
        func find(_ text: String) -> Int32? { finder.find(address(text)) }
        #expect(find("10.2.3.4") == 1)
        #expect(find("10.1.3.4") == 2)
        #expect(find("2001:db8::1") == 1)
        #expect(find("2001:db9::1") == nil)
        #expect(find("203.0.113.1") == 3)
        finder.remove([AddressRange("0.0.0.0/0")!], 3)
        #expect(find("192.0.2.7") == 2)
        #expect(find("192.0.2.10") == nil)
        finder.remove([AddressRange("10.1.0.0/16")!, AddressRange("192.0.2.5-192.0.2.9")!], 2)
        #expect(find("10.1.3.4") == 1)
        #expect(find("192.0.2.7") == nil)
    }
}
