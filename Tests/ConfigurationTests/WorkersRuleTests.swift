import Configuration
import Testing

/// How many threads a router has for packets.
@Suite struct WorkersRuleTests {
    @Test(
        arguments: [("workers: 1", 1), ("workers: 64", 64), ("workers: auto", nil), ("# none", nil)] as [(String, Int?)]
    )
    func aRoutersWorkers(_ text: String, _ expected: Int?) throws {
        let yaml = Edit.applying("    port: auto", "    \(text)\n    port: auto", to: Page.yaml)
        guard
            case .router(let router) = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").node(named: "router1")
                .role
        else {
            Issue.record("no router")
            return
        }
        #expect(router.workers == expected)
    }

    static let refused = [
        Edit(
            "port: auto", "workers: 0",
            gives: "cluster.yaml:15: workers is 0; 1 to 64 or auto is allowed. Write workers: auto."),
        Edit(
            "port: auto", "workers: many",
            gives: "cluster.yaml:15: workers is \"many\"; a number, 1 to 64 or auto, is wanted. Write workers: auto."),
    ]

    @Test("Workers", arguments: refused)
    func refuses(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }
}
