import Configuration
import Foundation
import Testing

/// The example of docs/configuration.md, so that what the page shows is what the reader takes.
enum Page {
    static let yaml = block(1)
    /// With the section on IKE behind it: `clusterKey` stands in line 53.
    static let withIKE = yaml + block(2)

    /// The section on filters, by itself.
    static let filters = block(where: { $0.hasPrefix("filters:") })

    private static func block(_ number: Int) -> String { blocks[number - 1] }
    private static func block(where isWanted: (String) -> Bool) -> String { blocks.first(where: isWanted)! }

    private static let blocks: [String] = {
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/configuration.md")
        let text = try! String(contentsOf: page, encoding: .utf8)
        return text.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }()

    /// The example with a second SA, the way back of the first. It begins in line 53.
    static let bothWays =
        yaml + """
              - name: client-out
                spi: 0xc472877a
                direction: outbound
                mode: tunnel
                source: 198.51.100.1
                destination: 198.51.100.10
                algorithm: aes128gcm16
                key: 3fc6ed52d8fee80f4a899a69b992b327
                salt: "16274504"
                replayWindow: 32
                endpoint: client
                selectors: {remote: [10.71.0.0/24], local: [10.72.0.0/24], protocol: tcp, localPorts: [80]}

            """

    /// Lines 39 to 41 of the example, where the SA says what its outer header looks like.
    static let outerHeader = lines(39...41).trimmingPrefix("    ").description
    /// Lines 5 to 7.
    static let leases = lines(5...7)
    /// Lines 30 to 33, without the comment that ends the last.
    static let service = lines(30...33).replacingOccurrences(of: "              # optional: all targets\n", with: "")

    /// `text` without its lines that begin, behind the indentation, with one of `beginnings`.
    static func without(_ beginnings: String..., in text: String) -> String {
        text.components(separatedBy: "\n").filter { line in
            let key = line.drop { $0 == " " }
            return !beginnings.contains { key.hasPrefix($0) }
        }.joined(separator: "\n")
    }

    private static func lines(_ range: ClosedRange<Int>) -> String {
        yaml.components(separatedBy: "\n")[(range.lowerBound - 1)...(range.upperBound - 1)].joined(separator: "\n")
            + "\n"
    }
}

/// One thing in a file written differently, and the message that it gets.
struct Edit: CustomTestStringConvertible, Sendable {
    let yaml: String
    let message: String
    let testDescription: String

    init(_ old: String, _ new: String, in text: String = Page.yaml, gives message: String) {
        yaml = Self.applying(old, new, to: text)
        self.message = message
        testDescription = "\(old.debugDescription) -> \(new.debugDescription)"
    }

    /// Traps when `old` does not stand in `text` exactly once.
    static func applying(_ old: String, _ new: String, to text: String) -> String {
        precondition(text.components(separatedBy: old).count == 2, "not once in the text: \(old)")
        return text.replacingOccurrences(of: old, with: new)
    }
}

/// The message for a file that is refused; nil for one that is not.
func message(_ yaml: String, files: HeldFiles = HeldFiles()) -> String? {
    do throws(ConfigurationFailure) {
        _ = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: files.reader)
        return nil
    } catch {
        return error.description
    }
}
