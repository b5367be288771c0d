import Foundation
import Testing

/// docs/contract.md says what shows each row of the contract.
@Suite struct ContractPageTests {
    /// The table's rows: number, what must be true, what shows it.
    private static func rows() throws -> [[String]] {
        let page = try String(contentsOf: HouseTests.root.appending(path: "docs/contract.md"), encoding: .utf8)
        return page.split(separator: "\n").filter { $0.hasPrefix("| A") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test func everyRowIsThereOnceAndInOrder() throws {
        #expect(try Self.rows().map { $0[0] } == (1...24).map { "A\($0)" })
    }

    @Test func whatIsSaidToShowARowIsThere() throws {
        let swift = try Self.sources(under: "Tests", suffix: ".swift")
        let python = try Self.sources(under: "Tests", suffix: ".py")
        for row in try Self.rows() {
            let named = row[2].components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            #expect(!named.isEmpty || row[2].hasPrefix("missing: "), "\(row[0])")
            for name in named {
                let parts = name.split(separator: ".")
                if parts.count == 2, name.first?.isUppercase == true {
                    let found =
                        swift.contains { $0.contains("struct \(parts[0])") && $0.contains("func \(parts[1])(") }
                        || swift.contains { $0.contains("extension \(parts[0])") && $0.contains("func \(parts[1])(") }
                    #expect(found, "\(row[0]) names \(name)")
                } else {
                    #expect(python.contains { $0.contains("\"\(name)\"") }, "\(row[0]) names \(name)")
                }
            }
        }
    }

    private static func sources(under folder: String, suffix: String) throws -> [String] {
        let root = HouseTests.root.appending(path: folder)
        let names = FileManager.default.enumerator(atPath: root.path)!.compactMap { $0 as? String }
        return try names.filter { $0.hasSuffix(suffix) }.map {
            try String(contentsOf: root.appending(path: $0), encoding: .utf8)
        }
    }
}
