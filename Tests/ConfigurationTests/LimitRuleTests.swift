import Configuration
import Testing

/// `limits`: what a router has memory for.
@Suite struct LimitRuleTests {
    private func read(_ limits: String) throws -> LimitSettings {
        try ClusterConfiguration(
            yaml: Edit.applying("epoch: 1 ", "limits: \(limits) #", to: Page.yaml), file: "cluster.yaml"
        ).limits
    }

    @Test func whatIsLeftOutFollows() throws {
        #expect(try ClusterConfiguration(yaml: Page.yaml, file: "cluster.yaml").limits == LimitSettings())
        let plain = LimitSettings()
        #expect(plain.halfOpen == 32_768 && plain.halfOpenPerAssociation == 4096)
        let large = try read("{connections: 1000000}")
        #expect(large.halfOpen == 250_000 && large.halfOpenPerAssociation == 31_250)
        let small = try read("{connections: 2048}")
        #expect(small.halfOpen == 2048 && small.halfOpenPerAssociation == 2048)
        let told = try read("{connections: 4096, halfOpen: 100, halfOpenPerAssociation: 10, affinities: 1024}")
        #expect(told == LimitSettings(connections: 4096, halfOpen: 100, halfOpenPerAssociation: 10, affinities: 1024))
    }

    @Test(arguments: [
        ("{connections: 1000}", "connections is 1000; 1024 to 16777216 is allowed. Write connections: 131072."),
        (
            "{connections: 2048, halfOpen: 3000}",
            "halfOpen is 3000; 16 to 2048 is allowed. Write halfOpen: 32768."
        ),
        (
            "{halfOpen: 50, halfOpenPerAssociation: 51}",
            "halfOpenPerAssociation is 51; 1 to 50 is allowed. Write halfOpenPerAssociation: 4096."
        ),
        ("{halfopen: 5}", "limits has an unknown key \"halfopen\". Write halfOpen, or remove it."),
    ]) func whatIsWrongGetsItsMessage(_ limits: String, _ wanted: String) {
        do {
            _ = try read(limits)
            Issue.record("taken: \(limits)")
        } catch { #expect("\(error)" == "cluster.yaml:2: \(wanted)") }
    }
}
