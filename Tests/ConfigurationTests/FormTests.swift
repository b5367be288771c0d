import Testing

@testable import Configuration

@Suite struct FormTests {
    /// What a message offers instead must itself be taken, so that nobody is sent from one message to the next.
    @Test func theExamplesOfMessagesAreTaken() {
        let form = Form.cluster
        let lines = form.keys.map { "\($0): \(form.example(of: $0))\n" }
        #expect(message(lines.joined()) == nil)
    }

    @Test func theExamplesOfMessagesAboutIKEAreTaken() {
        func keys(_ form: Form, without left: [String] = []) -> String {
            "{"
                + form.keys.filter { !left.contains($0) }.map { "\($0): \(form.example(of: $0))" }
                .joined(separator: ", ") + "}"
        }
        // The second presharedKey is text with a comma in it, which only stands in a line of its own.
        let shared = ["presharedKey", "presharedKeyFile"]
        let certificates = [
            "certificate", "privateKey", "authorities", "revocationLists", "revocation", "remoteAuthentication",
        ]
        let connections = [
            keys(.connection, without: shared), keys(.connection, without: ["presharedKey"] + certificates),
            keys(.connection, without: shared + ["child", "ppk"]).dropLast() + ", child: \(keys(.child))}",
        ]
        for connection in connections {
            let ike = keys(.ike, without: ["connections"]).dropLast() + ", connections: [\(connection)]}"
            let lines = Form.cluster.keys.filter { $0 != "ike" }.map { "\($0): \(Form.cluster.example(of: $0))\n" }
            #expect(message(lines.joined() + "ike: \(ike)\n") == nil)
        }
        let alone = Edit.applying(
            IKEAuthenticationRuleTests.sharedKey,
            "      presharedKey: \(Form.connection.example(of: "presharedKey")) #", to: Page.withIKE)
        #expect(message(alone) == nil)
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
