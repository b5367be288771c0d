import Testing

@testable import Configuration

@Suite struct FormTests {
    /// What a message offers instead must itself be taken, so that nobody is sent from one message to the next.
    @Test func theExamplesOfMessagesAreTaken() {
        let form = Form.cluster
        let lines = form.keys.map { "\($0): \(form.example(of: $0))\n" }
        #expect(message(lines.joined()) == nil)
    }

    @Test func theNearestWordIsTheOneMeant() {
        #expect(Spelling.nearest(to: "gatways", among: Form.cluster.keys) == "gateways")
        #expect(Spelling.nearest(to: "security_associations", among: Form.cluster.keys) == "securityAssociations")
        #expect(Spelling.nearest(to: "x", among: Form.cluster.keys) == nil)
        #expect(Spelling.nearest(to: String(repeating: "a", count: 1_000_000), among: Form.cluster.keys) == nil)
        #expect(Spelling.edits(from: "kitten", to: "sitting") == 3)
        #expect(Spelling.edits(from: "", to: "abc") == 3)
    }
}
