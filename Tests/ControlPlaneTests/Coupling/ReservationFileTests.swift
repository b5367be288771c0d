import Associations
import ControlPlane
import Foundation
import Testing
import Wire

/// A directory of its own for a test, gone with it.
final class TemporaryDirectory {
    let path = NSTemporaryDirectory() + "viaduct-test-\(UUID().uuidString)"
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open(fingerprint: String = "3f9a77d2", spi: UInt32 = 0xC472_877A) throws -> ReservationFile {
        try ReservationFile(
            directory: try StateDirectory(path: path), spi: SPI(rawValue: spi),
            destination: IPAddress("198.51.100.10")!, fingerprint: fingerprint)
    }

    var file: String { path + "/0xc472877a-198.51.100.10-3f9a77d2.reserved" }
}

@Suite struct ReservationFileTests {
    @Test func whatWasReservedIsFoundAgain() throws {
        let directory = TemporaryDirectory()
        var file: ReservationFile? = try directory.open()
        #expect(file?.initialMark == 1)
        try file?.reserve(upTo: 1_048_577)
        try file?.reserve(upTo: 2_097_153)
        file = nil
        #expect(try directory.open().initialMark == 2_097_153)
    }

    @Test func itIsReadableByItsOwnerOnlyAndPlainText() throws {
        let directory = TemporaryDirectory()
        try directory.open().reserve(upTo: 1_048_577)
        let mode = try FileManager.default.attributesOfItem(atPath: directory.file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let lines = try String(contentsOfFile: directory.file, encoding: .utf8).split(separator: "\n")
        #expect(lines[1] == "association 0xc472877a 198.51.100.10 3f9a77d2")
        #expect(lines[2] == "reserved 1048577")
    }

    @Test func anotherKeyBeginsAnew() throws {
        let directory = TemporaryDirectory()
        try directory.open().reserve(upTo: 1_048_577)
        #expect(try directory.open(fingerprint: "00000001").initialMark == 1)
    }

    @Test func twoHoldersAtOnceAreRefused() throws {
        let directory = TemporaryDirectory()
        let first = try directory.open()
        #expect(throws: ReservationFile.Failure.inUse(path: directory.file)) { try directory.open() }
        try first.reserve(upTo: 2)
    }

    @Test(arguments: ["", "viaduct-reservation 1\n", "reserved 1\n", "0", "\u{0}"])
    func aDamagedFileIsNamedAndNeverTakenForEmpty(text: String) throws {
        let directory = TemporaryDirectory()
        try directory.open().reserve(upTo: 1_048_577)
        try text.write(toFile: directory.file, atomically: false, encoding: .utf8)
        #expect { try directory.open() } throws: { "\($0)".contains(directory.file) && "\($0)".contains("reservation") }
    }

    @Test func aCutOrEditedFileIsNamed() throws {
        let directory = TemporaryDirectory()
        try directory.open().reserve(upTo: 1_048_577)
        let good = try String(contentsOfFile: directory.file, encoding: .utf8)
        for count in 0..<good.count {
            try String(good.prefix(count)).write(toFile: directory.file, atomically: false, encoding: .utf8)
            #expect(throws: ReservationFile.Failure.self) { try directory.open() }
        }
        for edited in [("1048577", "1"), ("3f9a77d2", "3f9a77d3"), ("check ", "check 0")] {
            try good.replacingOccurrences(of: edited.0, with: edited.1)
                .write(toFile: directory.file, atomically: false, encoding: .utf8)
            #expect(throws: ReservationFile.Failure.self) { try directory.open() }
        }
    }

    /// /dev/full refuses every write the way a full disk does.
    @Test func aFullDiskIsAnErrorAndLeavesTheOldMark() throws {
        let directory = TemporaryDirectory()
        var file: ReservationFile? = try directory.open()
        try file?.reserve(upTo: 1_048_577)
        try FileManager.default.createSymbolicLink(
            atPath: directory.file + ".new", withDestinationPath: "/dev/full")
        #expect { try file?.reserve(upTo: 2_097_153) } throws: { ($0 as? SystemError)?.code == ENOSPC }
        file = nil
        #expect(try directory.open().initialMark == 1_048_577)
    }
}
