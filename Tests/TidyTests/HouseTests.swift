import Commands
import Foundation
import Testing

/// The house keeps its own rules (docs/house.md).
@Suite struct HouseTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Source {
        var path: String
        var lines: [Substring]
        var name: String { URL(fileURLWithPath: path).lastPathComponent }
    }

    /// Every Swift file below a folder of the project.
    static func sources(_ folder: String) throws -> [Source] {
        let base = root.appending(path: folder)
        let files = try #require(FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil))
        // What was built and fetched is not ours, and there a folder may have a file's name.
        let ours = files.compactMap { $0 as? URL }.filter { !$0.path.contains("/.build") }
        return try ours.filter { $0.pathExtension == "swift" }.map {
            Source(
                path: folder + $0.path.dropFirst(base.path.count),
                lines: try String(contentsOf: $0, encoding: .utf8).split(
                    separator: "\n", omittingEmptySubsequences: false))
        }
    }

    static let modules = [
        "Wire", "Associations", "FastPath", "ControlPlane", "PostQuantum", "Credentials", "XCF", "CouplingFacilities",
        "Configuration",
        "viaduct",
    ]

    /// Which of our modules each may see. C modules and the toolchain's own are not asked about.
    @Test(arguments: [
        ("Wire", []), ("Associations", ["Wire"]), ("FastPath", ["Wire", "Associations"]),
        ("PostQuantum", ["Associations"]), ("ControlPlane", ["Wire", "Associations", "PostQuantum"]),
        ("Credentials", ["Wire", "Associations", "ControlPlane"]), ("Configuration", ["Wire", "Associations"]),
        ("XCF", ["Wire", "Associations", "ControlPlane"]),
        ("CouplingFacilities", ["Wire", "Associations", "ControlPlane"]),
        (
            "viaduct",
            [
                "Wire", "Associations", "FastPath", "ControlPlane", "Credentials", "CouplingFacilities",
                "Configuration", "XCF",
            ]
        ),
    ]) func importsPointDown(_ module: String, _ allowed: [String]) throws {
        let files = try Self.sources("Sources/\(module)")
        #expect(!files.isEmpty)
        for file in files {
            for line in file.lines where line.contains("import ") && !line.hasPrefix("//") {
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at + 1 < words.count else { continue }
                let imported = String(words[at + 1])
                guard Self.modules.contains(imported) else { continue }
                #expect(allowed.contains(imported), "\(file.path) imports \(imported)")
            }
        }
    }

    /// Packages of others that the quick modules must not pull in.
    @Test func thePacketPathNeedsNoPackages() throws {
        for module in ["Wire", "Associations", "FastPath"] {
            for file in try Self.sources("Sources/\(module)") {
                for name in ["NIO", "GRPC", "X509", "Crypto", "Foundation", "ArgumentParser", "Yams"] {
                    #expect(!file.lines.contains { $0.hasSuffix("import \(name)") }, "\(file.path) imports \(name)")
                }
            }
        }
    }

    /// Danger has a door: pointers and `unsafe` live in files whose names say so, and each says why it holds.
    @Test(arguments: modules) func unsafeCodeIsInFilesThatSaySo(_ module: String) throws {
        for file in try Self.sources("Sources/\(module)") where !file.name.hasSuffix("+Unsafe.swift") {
            for (number, line) in file.lines.enumerated() where !line.trimmingPrefix(" ").hasPrefix("//") {
                let isUnsafe = line.contains("unsafe ") || line.contains("UnsafeMutable") || line.contains("UnsafeRaw")
                #expect(!isUnsafe, "\(file.path):\(number + 1)")
            }
        }
    }

    @Test(arguments: modules) func unsafeFilesGiveTheirReasons(_ module: String) throws {
        for file in try Self.sources("Sources/\(module)") where file.name.hasSuffix("+Unsafe.swift") {
            let reasons = file.lines.count { $0.contains("//") }
            let dangers = file.lines.count { $0.contains("unsafe ") && !$0.trimmingPrefix(" ").hasPrefix("//") }
            #expect(reasons * 6 >= dangers, "\(file.path): \(dangers) unsafe lines, \(reasons) with a reason")
        }
    }

    /// The control plane does no I/O but in its shell and in what the shell keeps.
    @Test func onlyTheShellTouchesTheSystem() throws {
        for folder in ["Sequence", "Link", "Lifetime", "Steering", "IKE"] {
            for file in try Self.sources("Sources/ControlPlane/\(folder)") {
                for name in ["Glibc", "Foundation", "Synchronization"] {
                    #expect(!file.lines.contains { $0.hasSuffix("import \(name)") }, "\(file.path) imports \(name)")
                }
            }
        }
    }

    /// A file is read in one sitting, but for what a generator wrote.
    @Test(arguments: ["Sources", "Tests", "Plugins", "Benchmarks"]) func filesStaySmall(_ folder: String) throws {
        for file in try Self.sources(folder) where !file.path.contains("/Generated/") {
            #expect(file.lines.count <= 500, "\(file.path) has \(file.lines.count) lines")
        }
    }

    /// A test waits for a condition; nothing in the tree is unfinished or switched off.
    @Test func nothingSleepsOrIsSwitchedOff() throws {
        // A loop that asks for a condition until a deadline, called `eventually`, may rest between two questions.
        let forbidden = ["Task.sleep", " sleep(", ".disabled(", "XCTSkip", "TODO", "FIXME"]
        for file in try Self.sources("Tests") + Self.sources("Sources") where file.name != "HouseTests.swift" {
            let asks = file.lines.contains { $0.contains("func eventually") }
            for (number, line) in file.lines.enumerated() {
                #expect(!line.contains("usleep(") || asks, "\(file.path):\(number + 1): usleep")
                for word in forbidden { #expect(!line.contains(word), "\(file.path):\(number + 1): \(word)") }
            }
        }
    }

    /// `make format` leaves nothing to do.
    @Test func sourcesAreFormatted() throws {
        let paths = ["Package.swift", "Sources", "Tests", "Plugins"].map { Self.root.appending(path: $0).path }
        let lint = try outcome(of: ["swift", "format", "lint", "--strict", "--parallel", "--recursive"] + paths)
        #expect(lint.status == 0, "\(lint.errors.prefix(4000))")
    }
}
