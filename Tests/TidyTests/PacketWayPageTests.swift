import FastPath
import Foundation
import Testing

/// docs/packet-way.md tells an operator what every verdict means.
@Suite struct PacketWayPageTests {
    /// The table's rows: verdict, meaning, what to do.
    private static func rows() throws -> [[String]] {
        let page = try String(contentsOf: HouseTests.root.appending(path: "docs/packet-way.md"), encoding: .utf8)
        return page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test func itNamesEveryVerdictOnceAndInOrder() throws {
        let named = try Self.rows().map { $0[0].trimmingCharacters(in: ["`"]) }
        #expect(named == Verdict.allCases.map(\.name))
    }

    @Test func itSaysWhatToDoAboutEveryRefusal() throws {
        let goesOn: Set<Verdict> = [.steered, .steeredWithOptions, .delivered, .sealed]
        for (verdict, row) in zip(Verdict.allCases, try Self.rows()) {
            #expect(row.count >= 3 && !row[1].isEmpty, "\(verdict)")
            #expect(row.count < 3 || row[2].isEmpty == goesOn.contains(verdict), "\(verdict)")
        }
    }

    /// Pages that the project's pages point to are there.
    @Test func noLinkLeadsNowhere() throws {
        let pages = try FileManager.default.contentsOfDirectory(atPath: HouseTests.root.appending(path: "docs").path)
            .filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }
        for page in pages + ["README.md"] {
            let place = HouseTests.root.appending(path: page)
            let text = try String(contentsOf: place, encoding: .utf8)
            for part in text.components(separatedBy: "](").dropFirst() {
                let link = String(part.prefix { $0 != ")" && $0 != "#" })
                if link.isEmpty || link.contains("://") { continue }
                let target = place.deletingLastPathComponent().appending(path: link)
                #expect(FileManager.default.fileExists(atPath: target.path), "\(page) points to \(link)")
            }
        }
    }
}
