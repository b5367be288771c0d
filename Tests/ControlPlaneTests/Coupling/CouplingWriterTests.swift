import Associations
import Testing
import Wire

@testable import ControlPlane

private typealias Member = CouplingMember

private func sequence(_ spi: UInt32) -> SequenceKey { Member.sequence(spi) }

private func association(_ spi: UInt32, _ direction: Direction = .inbound, key: UInt8 = 7) -> SecurityAssociation {
    SecurityAssociation(
        name: "sa \(spi)", spi: SPI(rawValue: spi), direction: direction, mode: .tunnel,
        source: IPAddress("198.51.100.10")!, destination: IPAddress("198.51.100.1")!, transform: .aes256gcm16,
        key: SecretBytes([UInt8](repeating: key, count: 32)), salt: SecretBytes([1, 2, 3, 4]),
        selectors: TrafficSelectors(
            remote: [AddressRange("10.71.0.0/24")!], local: [AddressRange("10.72.0.0/24")!]),
        replayWindow: 64)
}

private let second: UInt64 = 1_000_000_000

@Suite struct CouplingWriterTests {
    let facility = MemoryFacility(clock: { 0 })

    @Test func theFirstOwnerBeginsWithEpochOneAndNothing() async {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.taken() == ["owner 1"])
        #expect(member.records?.associations.isEmpty == true && member.records?.marks.isEmpty == true)
        #expect(member.writer.epoch == Epoch(rawValue: 1) && member.writer.isLeaseHeld)
    }

    @Test func whatIsWrittenIsFoundByTheNext() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.writer.submit(.store(association(300)), ticket: 1, at: 0) == true)
        #expect(member.writer.submit(.store(association(300, .outbound)), ticket: 2, at: 0) == true)
        #expect(member.writer.submit(.store(association(301)), ticket: 3, at: 0) == true)
        #expect(member.reserve(300, 1 << 20, ticket: 4) == true)
        #expect(member.reserve(300, 2 << 20, ticket: 5) == true)
        #expect(
            member.writer.submit(
                .remove(ShadowEntry.Key(spi: SPI(rawValue: 301), direction: .inbound)), ticket: 6, at: 0) == true)
        #expect(member.writer.queued == 6 && member.writer.oldest == 0)
        await member.settle()
        #expect(member.taken() == ["owner 1", "done 1", "done 2", "done 3", "done 4", "done 5", "done 6"])
        #expect(member.writer.transactions == 1)
        // The same member again, at once: its own record does not stand in its way.
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.taken() == ["owner 2"])
        let records = try #require(next.records)
        #expect(records.marks == [sequence(300): 2 << 20] && records.unreadable.isEmpty && records.former == 0)
        #expect(records.associations.map(\.name).sorted() == ["sa 300", "sa 300"])
        #expect(Set(records.associations.map(\.direction)) == [.inbound, .outbound])
        #expect(records.associations[0].key.matches(association(300).key))
    }

    /// Nothing of a key stands in the facility as it is.
    @Test func keysAreStoredWrappedOnly() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.writer.submit(.store(association(300, key: 0xEE)), ticket: 1, at: 0) == true)
        await member.settle()
        for entry in try await facility.list("/").entries {
            let runs = entry.value.split(whereSeparator: { $0 != 0xEE }).map(\.count).max() ?? 0
            #expect(runs < 8, "\(entry.key)")
        }
    }

    // MARK: Epochs

    @Test func anOldOwnersWriteIsRefused() async throws {
        var old = Member("router1", facility)
        await old.settle()
        var new = Member("router1", facility)
        await new.settle()
        #expect(old.reserve(300, 100, ticket: 1) == true)
        await old.settle()
        #expect(old.taken() == ["owner 1", "fenced"])
        #expect(old.reserve(300, 100, ticket: 2) == false)
        #expect(try await facility.list("/viaduct/demo/sequence/").entries.isEmpty)
        #expect(await !old.turn(.lease))
        // The new one does not notice.
        #expect(new.reserve(300, 200, ticket: 1) == true)
        await new.settle()
        #expect(new.taken() == ["owner 2", "done 1"])
    }

    @Test func anotherLiveMemberIsNotTakenOver() async throws {
        var first = Member("router1", facility)
        await first.settle()
        var second = Member("router2", facility)
        await second.settle()
        #expect(second.taken() == ["held by router1"])
        second.pass(CouplingWriter.patience)
        await second.settle()
        #expect(second.taken() == [])
        // Once its lease has ended, and no sooner.
        let lease = try #require(first.writer.heldLease)
        try await facility.revoke(lease)
        second.pass(CouplingWriter.patience)
        await second.settle()
        #expect(second.taken() == ["owner 2"])
        #expect(first.reserve(1000, 1, ticket: 1) == true)
        await first.settle()
        #expect(first.taken() == ["owner 1", "fenced"])
    }

    @Test func twoThatTryAtOnce() async {
        var a = Member("router1", facility)
        var b = Member("router2", facility)
        // Lease, scouting: both see nobody.
        for _ in 0..<2 {
            _ = await a.turn()
            _ = await b.turn()
        }
        await b.settle()
        await a.settle()
        #expect(b.taken() == ["owner 1"])
        #expect(a.taken() == ["held by router2"])
    }

    @Test func anEpochThatIsNoneIsNotMadeUp() async throws {
        _ = try await facility.commit(CouplingTransaction([.put("/viaduct/demo/epoch", [0xFF, 0x31])]))
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.taken() == ["unreachable"])
        #expect(try await facility.list("/viaduct/demo/epoch").entries.first?.value == [0xFF, 0x31])
    }

    @Test func clustersSideBySideDoNotSeeEachOther() async throws {
        var a = Member("router1", facility, cluster: "a", key: 1)
        var ab = Member("router1", facility, cluster: "ab", key: 2)
        for _ in 0..<20 {
            _ = await a.turn()
            _ = await ab.turn()
        }
        #expect(a.reserve(300, 10, ticket: 1) && ab.reserve(300, 20, ticket: 1))
        await a.settle()
        await ab.settle()
        #expect(a.taken() == ["owner 1", "done 1"] && ab.taken() == ["owner 1", "done 1"])
        var next = Member("router1", facility, cluster: "a", key: 1)
        await next.settle()
        #expect(next.records?.marks == [sequence(300): 10] && next.records?.unreadable.isEmpty == true)
    }

    // MARK: Weather

    @Test func whatCannotBeWrittenWaitsInOrder() async {
        var member = Member("router1", facility)
        await member.settle()
        for weather in [MemoryFacility.Weather.unreachable, .full] {
            facility.weather = weather
            for ticket in 1...250 as ClosedRange<UInt64> {
                #expect(member.reserve(300 + UInt32(ticket), 5, ticket: ticket) == true)
            }
            for _ in 0..<20 {
                await member.settle()
                member.pass(CouplingWriter.retry.most)
            }
            #expect(member.writer.queued == 250 && !member.writer.isConnected)
            facility.weather = .fair
            member.pass(CouplingWriter.retry.most)
            await member.settle()
            let expected = ["unreachable", "reachable"] + (1...250).map { "done \($0)" }
            #expect(member.taken().filter { $0 != "owner 1" } == expected)
            #expect(member.writer.queued == 0)
        }
        #expect(member.writer.transactions == 6)
    }

    @Test func whatWasDoneThoughNobodyHeardIsDoneOnce() async throws {
        var member = Member("router1", facility)
        await member.settle()
        facility.weather = .answersLost
        #expect(member.reserve(300, 5, ticket: 1) == true)
        await member.settle()
        #expect(member.reserve(300, 6, ticket: 2) == true)
        facility.weather = .fair
        member.pass(CouplingWriter.retry.most)
        await member.settle()
        #expect(member.taken() == ["owner 1", "unreachable", "reachable", "done 1", "done 2"])
    }

    /// The first try of a transaction arrives when its second and another one are done: it changes nothing.
    @Test func aTransactionThatComesLateDoesNothing() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.reserve(300, 5, ticket: 1) == true)
        let asked = member.writer.next(.main, at: 0)
        let late = try #require(asked)
        member.writer.answered(.main, .failed(.unreachable("lost")), at: 0)
        member.pass(CouplingWriter.retry.most)
        await member.settle()
        #expect(member.reserve(300, 6, ticket: 2) == true)
        await member.settle()
        guard case .outcome(.refused) = await member.answer(late) else {
            Issue.record("it was done")
            return
        }
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.records?.marks == [sequence(300): 6])
    }

    @Test func anAcquisitionWhoseAnswerIsLostIsMadeAgain() async {
        var member = Member("router1", facility)
        for _ in 0..<2 { _ = await member.turn() }
        facility.weather = .answersLost
        _ = await member.turn()
        facility.weather = .fair
        member.pass(CouplingWriter.retry.most)
        await member.settle()
        // What was lost has won epoch 1.
        #expect(member.taken() == ["unreachable", "reachable", "owner 2"])
    }

    @Test func aMarkNeverFalls() async {
        var member = Member("router1", facility)
        await member.settle()
        for (ticket, mark) in [(1, 50), (2, 30)] as [(UInt64, UInt64)] {
            #expect(member.reserve(300, mark, ticket: ticket) == true)
            await member.settle()
        }
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.reserve(300, 40, ticket: 1) == true)
        await next.settle()
        var last = Member("router1", facility)
        await last.settle()
        #expect(last.records?.marks == [sequence(300): 50])
    }

    @Test func theQueueHasABound() async {
        var member = Member("router1", facility)
        #expect(member.reserve(300, 1, ticket: 1) == false)
        await member.settle()
        facility.weather = .unreachable
        var taken: UInt64 = 0
        while member.reserve(300 + UInt32(taken), 1, ticket: taken) { taken += 1 }
        #expect(taken == UInt64(CouplingWriter.queueLimit))
        facility.weather = .fair
        await member.settle()
        #expect(member.taken().suffix(1) == ["done \(taken - 1)"])
        #expect(member.reserve(300, 1, ticket: taken) == true)
    }

    // MARK: The lease

    @Test func theLeaseIsKeptAndItsLossIsSaidAndMended() async throws {
        nonisolated(unsafe) var time: UInt64 = 0
        let facility = MemoryFacility(clock: { time })
        var member = Member("router1", facility)
        await member.settle()
        for _ in 0..<30 {
            member.now = min(member.writer.deadline(.lease)!, member.now + second)
            time = member.now
            _ = await member.turn(.lease)
        }
        #expect(member.taken() == ["owner 1"] && member.now > 10 * second)
        // Gone for longer than the lease.
        facility.weather = .unreachable
        for _ in 0..<60 {
            member.pass(second / 5)
            time = member.now
            _ = await member.turn(.lease)
        }
        #expect(member.taken() == ["unreachable", "lease lost"])
        #expect(!member.writer.isLeaseHeld && !member.writer.isConnected)
        facility.weather = .fair
        member.pass(second)
        time = member.now
        while true {
            let hasAsked = await member.turn(.lease)
            let hasWritten = await member.turn()
            if !hasAsked && !hasWritten { break }
        }
        #expect(member.taken() == ["reachable", "lease regained"])
        #expect(try await facility.list("/viaduct/demo/owner").entries.count == 1)
        #expect(member.reserve(300, 1, ticket: 1) == true)
        await member.settle()
        #expect(member.taken() == ["done 1"])
    }

    /// With nothing to write, the lease alone notices; and that it is back, before the lease is over.
    @Test func whoHasNothingToWriteNoticesToo() async {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.taken() == ["owner 1"])
        facility.weather = .unreachable
        member.now = member.writer.deadline(.lease)!
        #expect(await member.turn(.lease) == true)
        #expect(member.taken() == ["unreachable"] && !member.writer.isConnected)
        facility.weather = .fair
        member.now = member.writer.deadline(.lease)!
        #expect(await member.turn(.lease) == true)
        #expect(member.taken() == ["reachable"] && member.writer.isLeaseHeld)
    }

    /// Away for longer than its lease, and another has come.
    @Test func whoComesBackTooLateIsFenced() async throws {
        nonisolated(unsafe) var time: UInt64 = 0
        let facility = MemoryFacility(clock: { time })
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.reserve(300, 1, ticket: 1) == true)
        time = 10 * second
        var other = Member("router2", facility, at: time)
        await other.settle()
        #expect(other.taken() == ["owner 2"])
        member.now = time
        _ = await member.turn(.lease)
        await member.settle()
        #expect(member.taken() == ["owner 1", "lease lost", "fenced"])
    }

    // MARK: Keys

    @Test func aForeignClustersKeyIsNamedAndNothingIsTakenForAbsent() async {
        var member = Member("router1", facility, key: 1)
        await member.settle()
        #expect(member.reserve(300, 9, ticket: 1) == true)
        #expect(member.writer.submit(.store(association(300)), ticket: 2, at: 0) == true)
        await member.settle()
        var stranger = Member("router1", facility, key: 2)
        await stranger.settle()
        let unknown = KeyRing.Failure.unknownKey(KeyRing.KeyID(of: KeyRingTests.key(1)))
        #expect(
            stranger.records?.unreadable == [
                .init(key: "/viaduct/demo/sa/in/0x0000012c", failure: unknown),
                .init(key: "/viaduct/demo/sequence/0x0000012c-3f9a77d2", failure: unknown),
            ])
        #expect(stranger.records?.marks.isEmpty == true && stranger.records?.associations.isEmpty == true)
    }

    @Test func aValueAtAnotherPlaceIsNotBelieved() async throws {
        var member = Member("router1", facility)
        await member.settle()
        #expect(member.reserve(300, 9, ticket: 1) && member.reserve(301, 1 << 30, ticket: 2))
        await member.settle()
        let keys = CouplingKeys(cluster: "demo")!
        let moved = try #require(try await facility.list(keys.sequence(sequence(301))).entries.first)
        _ = try await facility.commit(CouplingTransaction([.put(keys.sequence(sequence(300)), moved.value)]))
        var next = Member("router1", facility)
        await next.settle()
        #expect(next.records?.unreadable == [.init(key: keys.sequence(sequence(300)), failure: .unauthentic)])
        #expect(next.records?.marks == [sequence(301): 1 << 30])
    }

    @Test func rotationWrapsAnewWhatIsThere() async throws {
        var member = Member("router1", facility, key: 1)
        await member.settle()
        for ticket in 0..<130 as Range<UInt64> {
            #expect(member.writer.submit(.store(association(UInt32(1000 + ticket))), ticket: ticket, at: 0) == true)
        }
        #expect(member.reserve(300, 77, ticket: 130) == true)
        await member.settle()
        // Somebody else's, which stays.
        var random = KernelRandom()
        let foreign = KeyRing(current: KeyRingTests.key(9)).wrap([1], context: "?", using: &random)
        let keys = CouplingKeys(cluster: "demo")!
        _ = try await facility.commit(CouplingTransaction([.put(keys.associations + "in/0x00000200", foreign)]))
        let both = KeyRing(current: KeyRingTests.key(2), former: [KeyRingTests.key(1)])
        member.writer.rotate(to: both)
        #expect(member.reserve(301, 78, ticket: 131) == true)
        await member.settle()
        let done = try await Rewrapping.all(in: facility, keys: keys, ring: both, random: KernelRandom())
        #expect(done.count == 131 && done.unreadable.map(\.key) == [keys.associations + "in/0x00000200"])
        #expect(try await Rewrapping.all(in: facility, keys: keys, ring: both, random: KernelRandom()).count == 0)
        // Now the former key may go.
        var next = Member("router1", facility, key: 2)
        await next.settle()
        #expect(next.records?.associations.count == 130)
        #expect(next.records?.marks == [sequence(300): 77, sequence(301): 78])
        #expect(next.records?.unreadable.map(\.key) == [keys.associations + "in/0x00000200"])
    }

    @Test func rewrappingGivesWayToWhoWrites() async throws {
        var member = Member("router1", facility, key: 1)
        await member.settle()
        #expect(member.reserve(300, 1, ticket: 1) && member.reserve(301, 1, ticket: 2))
        await member.settle()
        let keys = CouplingKeys(cluster: "demo")!
        let both = KeyRing(current: KeyRingTests.key(2), former: [KeyRingTests.key(1)])
        var rewrapping = Rewrapping(keys: keys, ring: both, random: KernelRandom())
        #expect(try await !rewrapping.advance(in: facility))
        // Between its reading and its writing.
        #expect(member.reserve(300, 2, ticket: 3) == true)
        await member.settle()
        while try await !rewrapping.advance(in: facility) {}
        #expect(rewrapping.count == 2)
        var next = Member("router1", facility, key: 2)
        await next.settle()
        #expect(next.records?.marks == [sequence(300): 2, sequence(301): 1])
    }
}

@Suite struct CouplingKeysTests {
    @Test func theKeysOfACluster() throws {
        let keys = try #require(CouplingKeys(cluster: "demo"))
        #expect(keys.epoch == "/viaduct/demo/epoch" && keys.member("t1") == "/viaduct/demo/member/t1")
        #expect(
            keys.association(ShadowEntry.Key(spi: SPI(rawValue: 0xC472_877A), direction: .outbound))
                == "/viaduct/demo/sa/out/0xc472877a")
        #expect(keys.sequence(sequence(300)) == "/viaduct/demo/sequence/0x0000012c-3f9a77d2")
    }

    @Test(arguments: ["", "a/b", "a b", "é", "..%", String(repeating: "a", count: 64)])
    func namesThatAreNotFitForAKey(_ name: String) { #expect(CouplingKeys(cluster: name) == nil) }
}
