import Associations
import ControlPlane
import CouplingFacilities
import Foundation
import Synchronization
import Testing
import Wire

/// A service as the control thread has it: nudged, it takes the events.
private final class Owner: Sendable {
    let service: CouplingService
    private let bell: Bell
    private let words = Mutex<[String]>([])
    private let found = Mutex<CouplingRecords?>(nil)

    private final class Bell: Sendable { let rings = Atomic<Int>(0) }

    init(
        _ facility: any CouplingFacility, member: String = "router1", cluster: String = "demo", key: UInt8 = 1,
        former: [UInt8] = []
    ) {
        let bell = Bell()
        self.bell = bell
        service = CouplingService(
            facility: facility, keys: CouplingKeys(cluster: cluster)!, member: member,
            ring: Self.ring(key, former: former), leaseSeconds: 6, nudge: { bell.rings.add(1, ordering: .relaxed) })
        service.start()
    }

    static func ring(_ key: UInt8, former: [UInt8] = []) -> KeyRing {
        KeyRing(current: secret(key), former: former.map(secret))
    }

    private static func secret(_ byte: UInt8) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }

    /// All there were so far.
    var events: [String] {
        for event in service.takeEvents() {
            let word =
                switch event {
                case .written(.owner(let epoch, let records)):
                    found.withLock {
                        $0 = records
                        return "owner \(epoch.rawValue)"
                    }
                case .written(.heldBy(let name)): "held by \(name)"
                case .written(.done(let ticket)): "done \(ticket)"
                case .written(.fenced): "fenced"
                case .written(.unreachable): "unreachable"
                case .written(.reachable): "reachable"
                case .written(.leaseLost): "lease lost"
                case .written(.leaseRegained): "lease regained"
                case .rewrapped(let count, _): "rewrapped \(count)"
                }
            words.withLock { $0.append(word) }
        }
        return words.withLock { $0 }
    }

    var records: CouplingRecords? { found.withLock { $0 } }
    var nudges: Int { bell.rings.load(ordering: .relaxed) }

    func saw(_ word: String) async -> Bool { await eventually { events.contains(word) } }

    /// The epoch, once it is the owner: not always the next after the former owner's, since one whose confirmation was lost
    /// is passed over; nil when it does not become the owner.
    func epoch() async -> UInt32? {
        var found: UInt32?
        _ = await eventually {
            found = events.compactMap { $0.hasPrefix("owner ") ? UInt32($0.dropFirst(6)) : nil }.first
            return found != nil
        }
        return found
    }

    /// Without what a slow disk or machine says in between.
    var steadyEvents: [String] { events.filter { $0 != "unreachable" && $0 != "reachable" } }
}

private func sequence(_ spi: UInt32) -> SequenceKey { SequenceKey(spi: SPI(rawValue: spi), fingerprint: "3f9a77d2") }

@Suite(.serialized) struct CouplingServiceTests {
    @Test(arguments: FacilityKind.allCases)
    func ownershipWritingAndTakeover(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let first = Owner(facility)
            let firstEpoch = try #require(await first.epoch())
            #expect(first.nudges > 0)
            for ticket in 1...300 as ClosedRange<UInt64> {
                #expect(first.service.submit(.reserve(sequence(300 + UInt32(ticket)), mark: ticket), ticket: ticket))
            }
            #expect(await first.saw("done 300"))
            #expect(first.steadyEvents == ["owner \(firstEpoch)"] + (1...300).map { "done \($0)" })
            let report = first.service.report
            #expect(report.epoch == Epoch(rawValue: firstEpoch) && report.isConnected && report.isLeaseHeld)
            #expect(report.queued == 0 && report.oldestWaiting == 0 && report.place == facility.place)
            #expect(report.transactions < 300)
            // Another one waits as long as the first lives, and is let in when it goes in order.
            let second = Owner(facility, member: "router2")
            #expect(await second.saw("held by router1"))
            await first.service.stop()
            let secondEpoch = try #require(await second.epoch())
            #expect(secondEpoch > firstEpoch)
            #expect(second.records?.marks.count == 300)
            // The first name again, as after a crash of the second: it waits for a lease that nobody keeps alive.
            #expect(second.service.submit(.forget(sequence(301)), ticket: 1))
            #expect(await second.saw("done 1"))
            await second.service.stop()
            let third = Owner(facility)
            #expect(try #require(await third.epoch()) > secondEpoch)
            #expect(third.records?.marks.count == 299)
            await third.service.stop()
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func theLeaseIsKeptAliveAndAnOldOwnerIsFenced(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let old = Owner(facility)
            let oldEpoch = try #require(await old.epoch())
            // Longer than its lease: this one would be in otherwise.
            let other = Owner(facility, member: "router2")
            #expect(await other.saw("held by router1"))
            let lease = try await facility.grantLease(seconds: 9)
            try await facility.put("/clock", "x", lease)
            #expect(await eventually { (try? await facility.keys("/clock")) == [] })
            #expect(old.steadyEvents == ["owner \(oldEpoch)"] && other.steadyEvents == ["held by router1"])
            // The same member twice: the later process wins, at once.
            let new = Owner(facility)
            #expect(try #require(await new.epoch()) > oldEpoch)
            #expect(old.service.submit(.reserve(sequence(300), mark: 1), ticket: 1))
            #expect(await old.saw("fenced"))
            #expect(!old.service.submit(.reserve(sequence(300), mark: 1), ticket: 2))
            #expect(try await facility.keys("/viaduct/demo/sequence/").isEmpty)
            #expect(old.service.report.isFenced)
            for owner in [old, other, new] { await owner.service.stop() }
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func clustersOnOneFacilityDoNotSeeEachOther(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let a = Owner(facility, cluster: "a", key: 1)
            let b = Owner(facility, cluster: "a2", key: 2)
            let aEpoch = try #require(await a.epoch())
            #expect(await b.epoch() != nil)
            #expect(a.service.submit(.reserve(sequence(300), mark: 1), ticket: 1))
            #expect(b.service.submit(.reserve(sequence(300), mark: 2), ticket: 1))
            #expect(await a.saw("done 1"))
            #expect(await b.saw("done 1"))
            await a.service.stop()
            await b.service.stop()
            let again = Owner(facility, cluster: "a", key: 1)
            #expect(try #require(await again.epoch()) > aEpoch)
            #expect(again.records?.marks == [sequence(300): 1] && again.records?.unreadable.isEmpty == true)
            await again.service.stop()
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func theKeyChangesWhileItRuns(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let owner = Owner(facility)
            let ownerEpoch = try #require(await owner.epoch())
            for ticket in 1...120 as ClosedRange<UInt64> {
                #expect(owner.service.submit(.reserve(sequence(300 + UInt32(ticket)), mark: ticket), ticket: ticket))
            }
            #expect(await owner.saw("done 120"))
            // What nobody can read is named, and stays.
            let strange = "/viaduct/demo/sequence/0x0000ffff-3f9a77d2"
            var random = KernelRandom()
            let wrapped = Owner.ring(9).wrap([0, 0, 0, 0, 0, 0, 0, 7], context: strange, using: &random)
            _ = try await facility.insist(CouplingTransaction([.put(strange, wrapped)]))
            let told = Mutex<[String]>([])
            owner.service.rotate(to: Owner.ring(2, former: [1])) { count, unreadable in
                told.withLock { $0.append("\(count) \(unreadable.map(\.key))") }
            }
            #expect(await owner.saw("rewrapped 120"))
            #expect(await eventually { told.withLock { $0 } == ["120 [\"\(strange)\"]"] })
            let entries = try await facility.list("/viaduct/demo/sequence/").entries.filter { $0.key != strange }
            #expect(entries.count == 120)
            #expect(entries.allSatisfy { KeyRing.keyID(of: $0.value) == Owner.ring(2).current })
            _ = try await facility.insist(CouplingTransaction([.delete(strange)]))
            await owner.service.stop()
            let next = Owner(facility, key: 2)
            #expect(try #require(await next.epoch()) > ownerEpoch)
            #expect(next.records?.marks.count == 120 && next.records?.unreadable.isEmpty == true)
            await next.service.stop()
            // A ring that knows it as a former one wraps it anew when it becomes the owner.
            let last = Owner(facility, key: 3, former: [2])
            #expect(await last.saw("rewrapped 120"))
            await last.service.stop()
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func whatIsGivenBackAtTheEndIsThereForTheNext(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let owner = Owner(facility)
            let ownerEpoch = try #require(await owner.epoch())
            #expect(owner.service.submit(.reserve(sequence(300), mark: 1 << 20), ticket: 1))
            #expect(await owner.saw("done 1"))
            #expect(owner.service.submit(.giveBack(sequence(300), mark: 1 << 20, next: 9), ticket: 2))
            await owner.service.drain(seconds: 60)
            #expect(owner.service.report.queued == 0)
            await owner.service.stop()
            let next = Owner(facility)
            #expect(try #require(await next.epoch()) > ownerEpoch)
            #expect(next.records?.marks == [sequence(300): 9])
            await next.service.stop()
        }
    }

    /// etcd is gone for longer than the lease, and comes back: what was submitted waits and is done in order.
    @Test func etcdIsGoneAndComesBack() async throws {
        let cluster = try EtcdCluster()
        let facility = try cluster.facility()
        let owner = Owner(facility)
        let ownerEpoch = try #require(await owner.epoch())
        cluster.kill(0)
        for ticket in 1...500 as ClosedRange<UInt64> {
            #expect(owner.service.submit(.reserve(sequence(300 + UInt32(ticket)), mark: ticket), ticket: ticket))
        }
        #expect(await owner.saw("unreachable"))
        #expect(await owner.saw("lease lost"))
        let report = owner.service.report
        #expect(!report.isConnected && !report.isLeaseHeld && report.queued == 500 && report.oldestWaiting > 0)
        #expect(report.epoch == Epoch(rawValue: ownerEpoch))
        try cluster.start(0)
        #expect(await owner.saw("done 500"))
        #expect(await owner.saw("lease regained"))
        #expect(owner.events.filter { $0.hasPrefix("done") } == (1...500).map { "done \($0)" })
        #expect(owner.events.contains("reachable") && !owner.events.contains("fenced"))
        await owner.service.stop()
        let next = Owner(facility)
        #expect(try #require(await next.epoch()) > ownerEpoch)
        #expect(
            next.records?.marks == Dictionary(uniqueKeysWithValues: (1...500).map { (sequence(300 + $0), UInt64($0)) }))
        await next.service.stop()
        await facility.close()
    }

    /// The leader dies again and again while much is written: nothing is lost, and nothing is done in another order.
    @Test func etcdsLeaderIsKilledWhileTheOwnerWrites() async throws {
        let cluster = try EtcdCluster(members: 3)
        let facility = try cluster.facility()
        let owner = Owner(facility)
        let ownerEpoch = try #require(await owner.epoch())
        var ticket: UInt64 = 0
        for _ in 0..<3 {
            let isKnown = await eventually { cluster.leader != nil }
            #expect(isKnown)
            let leader = try #require(cluster.leader)
            for _ in 0..<200 {
                ticket += 1
                #expect(owner.service.submit(.reserve(sequence(1000), mark: ticket), ticket: ticket))
                if ticket % 200 == 100 { cluster.kill(leader) }
            }
            let last = "done \(ticket)"
            #expect(await owner.saw(last))
            try cluster.start(leader)
        }
        #expect(owner.events.filter { $0.hasPrefix("done") } == (1...ticket).map { "done \($0)" })
        await owner.service.stop()
        let next = Owner(facility)
        #expect(try #require(await next.epoch()) > ownerEpoch)
        #expect(next.records?.marks == [sequence(1000): ticket])
        await next.service.stop()
        await facility.close()
    }
}
