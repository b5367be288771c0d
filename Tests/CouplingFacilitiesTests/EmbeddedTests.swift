import Commands
import ControlPlane
import Foundation
import Testing

@testable import CouplingFacilities

/// What the embedded facility owes besides: its file.
@Suite struct EmbeddedTests {
    let directory = TemporaryDirectory()
    var path: String { directory.path + "/state/coupling.sqlite" }

    @Test func itFindsAgainWhatItHad() async throws {
        var facility = try EmbeddedFacility(path: path)
        try await facility.put("/a", "1")
        let lease = try await facility.grantLease(seconds: 60)
        try await facility.put("/leased", "x", lease)
        let listing = try await facility.list("/")
        await facility.close()
        facility = try EmbeddedFacility(path: path)
        #expect(try await facility.list("/") == listing)
        try await facility.keepAlive(lease)
        try await facility.put("/b", "2")
        #expect(try await facility.list("/").revision > listing.revision)
        await facility.close()
    }

    /// Without closing it, as a crash does: the write-ahead log has it.
    @Test func whatWasCommittedIsInTheFiles() async throws {
        let facility = try EmbeddedFacility(path: path)
        for number in 0..<50 { try await facility.put("/n/\(number)", "x") }
        let copy = directory.path + "/copy"
        try FileManager.default.copyItem(atPath: directory.path + "/state", toPath: copy)
        let found = try EmbeddedFacility(path: copy + "/coupling.sqlite")
        #expect(try await found.keys("/n/").count == 50)
        await found.close()
        await facility.close()
    }

    @Test func itsFilesAreItsOwnersOnly() async throws {
        let facility = try EmbeddedFacility(path: path)
        try await facility.put("/a", "1")
        let state = directory.path + "/state"
        #expect(try mode(state) == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: state)
        #expect(Set(names).isSuperset(of: ["coupling.sqlite", "coupling.sqlite-wal", "coupling.sqlite.lock"]))
        for name in names { #expect(try mode(state + "/" + name) == 0o600, "\(name)") }
        await facility.close()
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func aSecondProcessIsRefusedByName() async throws {
        let facility = try EmbeddedFacility(path: path)
        #expect(throws: CouplingFailure.inUse("\(path) is used by another process")) {
            try EmbeddedFacility(path: path)
        }
        await facility.close()
        await (try EmbeddedFacility(path: path)).close()
    }

    enum Damage: String, CaseIterable {
        case emptied, cutInHalf, cutToAPage, overwritten, garbage, foreign, missingBesideItsLog
    }

    @Test(arguments: Damage.allCases)
    func aDamagedFileIsNamedAndNeverTakenForEmpty(_ damage: Damage) async throws {
        let facility = try EmbeddedFacility(path: path)
        for number in 0..<200 {
            _ = try await facility.commit(
                CouplingTransaction([.put("/n/\(number)", [UInt8](repeating: 1, count: 500))]))
        }
        let log = try Data(contentsOf: URL(filePath: path + "-wal"))
        await facility.close()
        var bytes = try Data(contentsOf: URL(filePath: path))
        #expect(bytes.count > 50_000)
        switch damage {
        case .emptied: bytes = Data()
        case .cutInHalf: bytes = bytes.prefix(bytes.count / 2)
        case .cutToAPage: bytes = bytes.prefix(4096)
        case .overwritten: for index in stride(from: 8192, to: bytes.count, by: 7) { bytes[index] ^= 0x5A }
        case .garbage: bytes = Data((0..<bytes.count).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        case .foreign:
            try FileManager.default.removeItem(atPath: path)
            try run("python3", "-c", "import sqlite3; sqlite3.connect('\(path)').execute('create table t (x)')")
            bytes = try Data(contentsOf: URL(filePath: path))
        case .missingBesideItsLog: break
        }
        if damage == .missingBesideItsLog {
            try FileManager.default.removeItem(atPath: path)
            try log.write(to: URL(filePath: path + "-wal"))
        } else {
            try bytes.write(to: URL(filePath: path))
        }
        let failure = #expect(throws: CouplingFailure.self) { try EmbeddedFacility(path: path) }
        guard case .damaged(let what) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(what.hasPrefix(path) && what.hasSuffix("put it back from a copy, or remove it and begin with new keys"))
    }

    /// A filesystem of its own that really has no room.
    @Test func aFullDiskIsNamedAndNothingIsHalfWritten() async throws {
        let disk = directory.path + "/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
        try run("mount", "-t", "tmpfs", "-o", "size=1m", "viaduct-coupling", disk)
        defer { _ = try? run("umount", "--lazy", disk) }
        let facility = try EmbeddedFacility(path: disk + "/coupling.sqlite")
        let value = [UInt8](repeating: 3, count: 10_000)
        var committed = 0
        var failure: CouplingFailure?
        while failure == nil && committed < 1000 {
            do {
                _ = try await facility.commit(
                    CouplingTransaction([.put("/a/\(1000 + committed)", value), .put("/b/\(1000 + committed)", value)]))
                committed += 1
            } catch {
                failure = error
            }
        }
        guard case .full(let what) = failure else {
            Issue.record("\(String(describing: failure)) after \(committed)")
            return
        }
        #expect(what.contains(disk))
        #expect(committed > 5)
        func isWhole() async throws {
            #expect(try await facility.keys("/a/") == (0..<committed).map { "/a/\(1000 + $0)" })
            #expect(try await facility.keys("/b/").count == committed)
        }
        try await isWhole()
        // With room again it goes on.
        try run("mount", "-o", "remount,size=8m", disk)
        try await facility.put("/c", "1")
        try await isWhole()
        await facility.close()
        let again = try EmbeddedFacility(path: disk + "/coupling.sqlite")
        #expect(try await again.keys("/").count == 2 * committed + 1)
        await again.close()
    }

    @Test func noRoomForTheFirstFile() async throws {
        let disk = directory.path + "/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
        try run("mount", "-t", "tmpfs", "-o", "size=16k", "viaduct-coupling", disk)
        defer { _ = try? run("umount", "--lazy", disk) }
        let failure = #expect(throws: CouplingFailure.self) { try EmbeddedFacility(path: disk + "/coupling.sqlite") }
        guard case .full = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        // What it left is not taken for a database, nor in the way.
        try run("mount", "-o", "remount,size=8m", disk)
        await (try EmbeddedFacility(path: disk + "/coupling.sqlite")).close()
    }

    @Test func forgottenDeletionsAreSaid() async throws {
        let facility = try EmbeddedFacility(path: path, deletionLimit: 10)
        let from = try await facility.list("/").revision
        for number in 0..<11 {
            try await facility.put("/n/\(number)", "x")
            _ = try await facility.commit(CouplingTransaction([.delete("/n/\(number)")]))
        }
        let watched = await Watched(facility.watch("/", after: from))
        #expect(await eventually { await watched.failure != nil })
        guard case .compacted(let revision) = await watched.failure else {
            Issue.record("\(String(describing: await watched.failure))")
            return
        }
        // The list and what comes behind it are whole.
        let listing = try await facility.list("/")
        #expect(listing.entries.isEmpty && listing.revision >= revision)
        let again = await Watched(facility.watch("/", after: listing.revision))
        try await facility.put("/z", "1")
        #expect(await eventually { await again.words == ["/z=1"] })
        await facility.close()
    }
}
