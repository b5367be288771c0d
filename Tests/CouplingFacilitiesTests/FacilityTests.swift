import ControlPlane
import Foundation
import Testing

/// What every coupling facility does, whichever it is.
@Suite struct FacilityTests {
    @Test(arguments: FacilityKind.allCases)
    func whatIsCommittedIsListed(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            #expect(try await facility.keys("/a/").isEmpty)
            let first = try await facility.insist(CouplingTransaction([.put("/a/2", [2]), .put("/a/1", [])]))
            let second = try await facility.insist(CouplingTransaction([.put("/a/2", [3, 0, 255]), .put("/b", [9])]))
            let listing = try await facility.list("/a/")
            #expect(
                listing.entries == [
                    CouplingEntry(key: "/a/1", value: [], modifiedRevision: try #require(first.revision)),
                    CouplingEntry(key: "/a/2", value: [3, 0, 255], modifiedRevision: try #require(second.revision)),
                ])
            #expect(listing.revision == second.revision)
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func aRefusedTransactionDoesNothingAndTellsWhatThereIs(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            try await facility.put("/epoch", "7")
            let revision = try #require(try await facility.list("/epoch").entries.first).modifiedRevision
            let refusals: [[CouplingTransaction.Comparison]] = [
                [.value("/epoch", Array("6".utf8))], [.absent("/epoch")], [.revision("/epoch", revision + 1)],
                [.value("/none", [])], [.revision("/none", revision)],
                [.absent("/none"), .value("/epoch", [])],
            ]
            for comparisons in refusals {
                let outcome = try await facility.insist(CouplingTransaction(when: comparisons, [.put("/x", [1])]))
                let entries =
                    comparisons.contains { $0.key == "/epoch" } ? try await facility.list("/epoch").entries : []
                #expect(outcome == .refused(entries))
            }
            #expect(try await facility.keys("/x").isEmpty)
            let done = try await facility.commit(
                CouplingTransaction(
                    when: [.value("/epoch", Array("7".utf8)), .absent("/x")],
                    [.put("/x", [1]), .delete("/none")]))
            #expect(done.revision != nil)
            let again = try await facility.commit(
                CouplingTransaction(when: [.revision("/epoch", revision)], [.delete("/x"), .put("/y", [2])]))
            #expect(again.revision != nil)
            #expect(try await facility.keys("/") == ["/epoch", "/y"])
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func aPrefixIsDeletedAndNothingBesideIt(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            for key in ["/a", "/a/", "/a/1", "/a/é", "/a0", "/b"] { try await facility.put(key, "x") }
            _ = try await facility.insist(CouplingTransaction([.deletePrefix("/a/"), .put("/c", [])]))
            #expect(try await facility.keys("/") == ["/a", "/a0", "/b", "/c"])
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func theBoundsAreWhatIsTaken(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let key = "/" + String(repeating: "k", count: CouplingBounds.key - 1)
            let value = [UInt8](repeating: 0xA5, count: CouplingBounds.value)
            _ = try await facility.insist(CouplingTransaction([.put(key, value)]))
            #expect(try await facility.list(key).entries.first?.value == value)
            let many = (0..<CouplingBounds.operations).map { CouplingTransaction.Operation.put("/m/\($0)", [1]) }
            let absent = (0..<CouplingBounds.operations).map { CouplingTransaction.Comparison.absent("/m/\($0)") }
            #expect(try await facility.commit(CouplingTransaction(when: absent, many)).revision != nil)
            #expect(try await facility.keys("/m/").count == CouplingBounds.operations)
        }
    }

    @Test func whatIsBeyondTheBoundsTraps() async {
        await #expect(processExitsWith: .failure) {
            CouplingTransaction([.put("/a", []), .delete("/a")]).requireBounds()
        }
        await #expect(processExitsWith: .failure) {
            CouplingTransaction([.put("/a/b", []), .deletePrefix("/a/")]).requireBounds()
        }
        await #expect(processExitsWith: .failure) {
            CouplingTransaction([.put("/a", [UInt8](repeating: 0, count: CouplingBounds.value + 1))]).requireBounds()
        }
        await #expect(processExitsWith: .failure) { CouplingTransaction([.delete("")]).requireBounds() }
    }

    @Test(arguments: FacilityKind.allCases)
    func manyEntriesAreListedTogether(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let value = [UInt8](repeating: 7, count: 400)
            for batch in 0..<30 {
                _ = try await facility.insist(
                    CouplingTransaction((0..<100).map { .put("/many/\(1000 + batch * 100 + $0)", value) }))
            }
            let listing = try await facility.list("/many/")
            #expect(listing.entries.map(\.key) == (1000..<4000).map { "/many/\($0)" })
            #expect(listing.entries.allSatisfy { $0.value == value })
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func twoWritersAtOnceLoseNothing(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            try await facility.put("/count", "0")
            let (answered, unanswered) = await withTaskGroup(of: (Int, Int).self) { group in
                for _ in 0..<4 { group.addTask { await countUp(10, in: facility) } }
                var sums = (answered: 0, unanswered: 0)
                for await (answered, unanswered) in group {
                    sums.answered += answered
                    sums.unanswered += unanswered
                }
                return sums
            }
            // What got no answer in time may have been done.
            let count = try #require(Int(try await facility.list("/count").entries.first?.text ?? ""))
            #expect(answered == 40 && (answered...answered + unanswered).contains(count))
        }
    }

    // MARK: Watches

    @Test(arguments: FacilityKind.allCases)
    func aWatchTellsWhatCameBeforeAndWhatComes(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            try await facility.put("/w/old", "0")
            let from = try await facility.list("/w/").revision
            try await facility.put("/w/a", "1")
            _ = try await facility.commit(CouplingTransaction([.delete("/w/old"), .put("/other", [])]))
            let watched = await Watched(facility.watch("/w/", after: from))
            #expect(await eventually { await watched.notices.count == 2 })
            try await facility.put("/w/b", "2")
            _ = try await facility.commit(CouplingTransaction([.delete("/w/none"), .delete("/w/a")]))
            try await facility.put("/w/b", "3")
            #expect(await eventually { await watched.notices.count == 5 })
            #expect(await watched.words == ["/w/a=1", "/w/old gone", "/w/b=2", "/w/a gone", "/w/b=3"])
            let revisions = await watched.notices.map(\.revision)
            #expect(revisions == revisions.sorted() && Set(revisions).count == 5)
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func aClosedFacilityEndsItsWatchesAndRefusesCalls(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            try await facility.put("/a", "1")
            let watched = await Watched(facility.watch("/", after: try await facility.list("/").revision))
            await facility.close()
            #expect(await eventually { await watched.failure == .closed })
            await #expect(throws: CouplingFailure.closed) { try await facility.list("/") }
            await #expect(throws: CouplingFailure.closed) { try await facility.put("/a", "2") }
            await #expect(throws: CouplingFailure.closed) { try await facility.grantLease(seconds: 5) }
            let after = await Watched(facility.watch("/", after: 1))
            #expect(await eventually { await after.failure == .closed })
        }
    }

    // MARK: Leases

    @Test(arguments: FacilityKind.allCases)
    func keysGoWithTheirLease(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let lease = try await facility.grantLease(seconds: 60)
            #expect(lease.seconds >= 60)
            try await facility.put("/l/1", "x", lease)
            try await facility.put("/l/2", "x", lease)
            // Whoever puts it without takes it out.
            try await facility.put("/l/2", "y")
            try await facility.keepAlive(lease)
            #expect(try await facility.keys("/l/") == ["/l/1", "/l/2"])
            let watched = await Watched(facility.watch("/l/", after: try await facility.list("/l/").revision))
            try await facility.revoke(lease)
            #expect(await eventually { await watched.words == ["/l/1 gone"] })
            #expect(try await facility.keys("/l/") == ["/l/2"])
            await #expect(throws: CouplingFailure.leaseGone) { try await facility.keepAlive(lease) }
            await #expect(throws: CouplingFailure.leaseGone) { try await facility.put("/l/3", "x", lease) }
            #expect(try await facility.keys("/l/") == ["/l/2"])
            // Not an error.
            try await facility.revoke(lease)
        }
    }

    @Test(arguments: FacilityKind.allCases)
    func aLeaseThatNobodyKeepsAliveEnds(_ kind: FacilityKind) async throws {
        try await kind.with { facility in
            let kept = try await facility.grantLease(seconds: 30)
            try await facility.put("/kept", "x", kept)
            // A slow machine may need longer for this than a short lease lasts.
            var left = try await facility.grantLease(seconds: 1)
            while (try? await facility.put("/left", "x", left)) == nil {
                left = try await facility.grantLease(seconds: 1)
            }
            let isGone = await eventually {
                try? await facility.keepAlive(kept)
                return (try? await facility.keys("/left")) == []
            }
            #expect(isGone)
            #expect(try await facility.keys("/kept") == ["/kept"])
            await #expect(throws: CouplingFailure.leaseGone) { try await facility.keepAlive(left) }
        }
    }
}

/// Adds one to what stands under "/count" until that was answered so many times; also returns how many transactions nobody
/// answered.
private func countUp(_ times: Int, in facility: any CouplingFacility) async -> (answered: Int, unanswered: Int) {
    var (answered, unanswered) = (0, 0)
    while answered < times {
        guard let entry = try? await facility.list("/count").entries.first, let count = Int(entry.text) else {
            continue
        }
        let next = CouplingTransaction(
            when: [.revision("/count", entry.modifiedRevision)], [.put("/count", Array("\(count + 1)".utf8))])
        do {
            if try await facility.commit(next).revision != nil { answered += 1 }
        } catch {
            unanswered += 1
        }
    }
    return (answered, unanswered)
}
