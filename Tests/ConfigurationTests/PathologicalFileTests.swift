import Foundation
import Testing

@testable import Configuration

/// Files that nobody meant to write: one message each, no crash and no hang.
@Suite struct PathologicalFileTests {
    static let tooDeep =
        "cluster.yaml:1: lists or keys are nested too deeply here. Close the brackets; nothing needs so many."
    static let empty = "cluster.yaml:1: the file is empty. Begin with a line \"cluster: demo\"."
    static let notKeys =
        "keys are wanted (cluster, epoch, verify, stateDirectory, leases, health, limits, link, nodes, gateways, dvipas, "
        + "securityAssociations, "
        + "filters, clusterKey, formerClusterKeys, coupling, ike). "
        + "Begin with a line \"cluster: demo\"."

    @Test(arguments: [
        ("", empty),
        ("\n\n# only a comment\n", empty),
        ("\u{FEFF}", empty),
        ("~", "cluster.yaml:1: the file is nothing; \(notKeys)"),
        ("hello", "cluster.yaml:1: the file is a single value; \(notKeys)"),
        ("- cluster: demo", "cluster.yaml:1: the file is a list; \(notKeys)"),
        ("{}", "cluster.yaml:1: the configuration has no cluster. Add cluster: demo."),
    ])
    func thereIsNothingInIt(text: String, expected: String) { #expect(message(text) == expected) }

    @Test func aByteOrderMarkIsNothing() { #expect(message("\u{FEFF}" + Page.yaml) == nil) }

    @Test func otherEndsOfLinesCountTheSame() {
        let edit = Edit("epoch: 1", "epoc: 1", gives: "")
        let unix = message(edit.yaml)
        #expect(message(edit.yaml.replacing("\n", with: "\r\n")) == unix)
        #expect(message(edit.yaml.replacing("\n", with: "\r")) == unix)
    }

    @Test func bytesThatAreNoText() {
        #expect(
            message("cluster: demo\n\u{7F}ELF\u{0}")
                == "cluster.yaml:2: there is a character here that text does not hold (U+7F). "
                + "Remove it; name the YAML file of the cluster if this is another one.")
    }

    @Test(arguments: ["[", "{", "{a: ", "- ", "? ", "[{"])
    func aHundredThousandLevels(opening: String) {
        #expect(message(String(repeating: opening, count: 100_000)) != nil)
    }

    @Test func fiftyThousandBrackets() {
        #expect(message(String(repeating: "[", count: 50_000)) == Self.tooDeep)
    }

    /// Ten lines of this kind are 9^10 values, in a key as in a value.
    @Test(arguments: ["cluster: *l9", "? *l9\n: 1", "*l9 : 1", "<<: *l9"])
    func aliasesOfAliases(last: String) {
        var yaml = "l0: &l0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            yaml +=
                "l\(level): &l\(level) [" + Array(repeating: "*l\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(
            message(yaml + last + "\n")
                == "cluster.yaml:2: aliases (*l0) are not supported. Write the value itself here.")
    }

    @Test func anAmpersandInANameIsNoAnchor() {
        #expect(message(Edit("- name: web ", "- name: R&D *D & more ", gives: "").yaml) == nil)
    }

    /// What a message shows of a file is short and stays on its line.
    @Test func aLongValueIsCutInTheMessage() {
        let edit = Edit("epoch: 1 ", "epoch: \"\\n\(String(repeating: "x", count: 10_000))\" ", gives: "")
        let expected =
            "cluster.yaml:2: epoch is \"\\n\(String(repeating: "x", count: 59))…\"; "
            + "a number, 1 to 4294967295, is wanted. Write epoch: 1."
        #expect(message(edit.yaml) == expected)
    }

    /// Keys are no use to whoever reads a message, and messages end up in logs.
    @Test(arguments: [
        "key: 71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a9",
        "key: x71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a9",
        "key: [71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99]",
        "key: !x 71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99",
        "key: \"71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99",
        "key 71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99",
        "key:71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99:",
        "{key:71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99}: 1",
    ])
    func noMessageHoldsAKey(line: String) throws {
        let whole = "key: 71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99"
        let shown = try #require(message(Edit.applying(whole, line, to: Page.yaml)))
        #expect(!shown.contains("71f8"))
    }

    /// Whatever is compared with its likes has a bound, so that no file of 4 MiB keeps the reader busy.
    @Test func listsWithoutEnd() {
        let ports = (1...60_000).map { "\($0)" }
        let inOneList = Edit("[80, 443, \"8000-8999\"]", "[\(ports.joined(separator: ", "))]", gives: "")
        #expect(
            message(inOneList.yaml) == "cluster.yaml:32: ports holds more than 1024 ports. Write ranges: 1024-65535.")

        let services = ports.map { "      - {protocol: tcp, ports: [\($0)]}\n" }.joined()
        let inMany = Edit(Page.service, services + "      # ", gives: "")
        #expect(
            message(inMany.yaml)
                == "cluster.yaml:1054: 10.72.0.10 has more than 1024 services. "
                + "Put ports of the same targets into one service.")
    }

    /// A key that is itself a mapping, whose key is one, and so on: each is compared with its neighbours as a whole.
    @Test(arguments: [("{", "}"), ("{[", "]}"), ("? ", "")])
    func keysInKeys(open: String, close: String) {
        let inner = (0..<20_000).map { "k\($0): v" }.joined(separator: ", ")
        let yaml = String(repeating: open, count: 900) + "{\(inner)}" + String(repeating: close, count: 900)
        #expect(message(yaml) == Self.tooDeep)
    }

    @Test func bracketsInCommentsAndQuotesAreNoDepth() {
        let comments = String(repeating: "# [0, 1) and {\n", count: 100)
        #expect(
            message(
                comments
                    + Edit("- name: web ", "- name: \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\" ", gives: "").yaml)
                == nil)
    }

    @Test func aLargeClusterIsRead() throws {
        var yaml = String(Page.yaml.prefix(upTo: Page.yaml.range(of: "securityAssociations:")!.lowerBound))
        yaml += "securityAssociations:\n"
        for number in 0..<5_000 {
            let spi = 4096 + number
            let key = String(repeating: "0", count: 32 - String(spi).count) + String(spi)
            yaml += """
                  - {name: sa\(number), spi: \(spi), direction: inbound, mode: tunnel, source: 198.51.100.10,
                     destination: 198.51.100.1, algorithm: aes128gcm16, key: "\(key)", salt: "00000000",
                     selectors: {remote: [10.71.0.0/24], local: [10.72.0.0/24]}}

                """
        }
        #expect(try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").securityAssociations.count == 5_000)
    }
}
