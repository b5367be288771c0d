import Testing

@testable import Configuration

/// The rules for `coupling` and `formerClusterKeys`: what stands in the last line of the page's first example.
@Suite struct CouplingRuleTests {
    private func cluster(_ lines: String, yaml: String = Page.yaml) throws -> ClusterConfiguration {
        try ClusterConfiguration(yaml: yaml + lines, file: "cluster.yaml", files: HeldFiles().reader)
    }

    @Test func withoutTheSectionTheFileIsInTheStateDirectory() throws {
        let embedded = CouplingSettings(kind: .embedded(path: "/var/lib/viaduct/coupling.sqlite"))
        #expect(try cluster("").coupling == embedded)
        #expect(try cluster("coupling: {kind: embedded}\n").coupling == embedded)
        #expect(try cluster("coupling: {kind: embedded, leaseSeconds: 9}\n").coupling?.leaseSeconds == 9)
        let without = Edit.applying("stateDirectory: /var/lib/viaduct", "#", to: Page.yaml)
        #expect(try cluster("", yaml: without).coupling == nil)
    }

    private static let secondRouter =
        "  router2: {role: router, clientInterface: a, trustedInterface: b, trustedAddress: 192.0.2.2}\n"
    private static let link = "link: {credentials: /etc/viaduct/link}\nclusterKey: /etc/viaduct/cluster.key\n"

    @Test func oneRouterKeepsTheFileAndTheOthersReachIt() throws {
        let two = Edit.applying("gateways:", Self.secondRouter + "\ngateways:", to: Page.yaml)
        #expect(try cluster("", yaml: two).couplingRouter?.name == "router1")
        #expect(try cluster("coupling: {kind: embedded}\n", yaml: two).couplingRouter?.name == "router1")
        let found = try cluster(Self.link + "coupling: {kind: embedded, at: router2}\n", yaml: two)
        #expect(found.couplingRouter?.name == "router2")
        #expect(found.coupling?.kind == .embedded(path: "/var/lib/viaduct/coupling.sqlite", at: "router2"))
        for node in found.nodes { try found.requireRunnable(node: node) }
        let etcd = try cluster("coupling: {kind: etcd, endpoints: [http://127.0.0.1:2379]}\n", yaml: two)
        #expect(etcd.couplingRouter == nil)
    }

    @Test func aRouterThatCannotReachItDoesNotStart() throws {
        let two = Edit.applying("gateways:", Self.secondRouter + "\ngateways:", to: Page.yaml)
        func fault(_ found: ClusterConfiguration, _ node: String) -> String? {
            do throws(ConfigurationFailure) {
                try found.requireRunnable(node: found.node(named: node))
                return nil
            } catch {
                return "\(error)"
            }
        }
        // Without a control plane there is no facility at all.
        #expect(fault(try cluster("", yaml: two), "router2") == nil)
        let homeless = Edit.applying(", trustedAddress: 192.0.2.2", "", to: two)
        let found = try cluster(Self.link + "coupling: {kind: embedded, at: router2}\n", yaml: homeless)
        let said = fault(found, "router1")
        #expect(
            said?.contains(
                "router \"router1\" cannot reach the coupling facility, which router \"router2\" keeps. Add a "
                    + "trustedAddress to router \"router2\", or keep it in etcd") == true, "\(said ?? "taken")")
    }

    @Test func etcdWithCertificates() throws {
        let found = try cluster(
            """
            coupling:
              kind: etcd
              endpoints: [https://10.0.0.1:2379, "https://[2001:db8::1]:2379", https://etcd-3.example:12379]
              authority: /etc/viaduct/etcd-ca.pem
              certificate: /etc/viaduct/etcd.pem
              privateKey: /etc/viaduct/etcd.key
            """)
        let settings = EtcdSettings(
            endpoints: [
                .init(isTLS: true, host: "10.0.0.1", port: 2379), .init(isTLS: true, host: "2001:db8::1", port: 2379),
                .init(isTLS: true, host: "etcd-3.example", port: 12379),
            ], authority: "/etc/viaduct/etcd-ca.pem", certificate: "/etc/viaduct/etcd.pem",
            privateKey: "/etc/viaduct/etcd.key")
        #expect(found.coupling == CouplingSettings(kind: .etcd(settings), leaseSeconds: 5))
        #expect(found.warnings.isEmpty)
    }

    @Test func etcdWithoutCertificatesGetsAWarningUnlessItIsThisHost() throws {
        #expect(try cluster("coupling: {kind: etcd, endpoints: [http://127.0.0.1:2379]}\n").warnings.isEmpty)
        let warnings = try cluster("coupling: {kind: etcd, endpoints: [http://10.0.0.1:2379]}\n").warnings
        #expect(warnings.count == 1 && warnings[0].contains("etcd at 10.0.0.1 is reached without TLS"))
    }

    @Test func theEtcdExamplesOfMessagesAreTaken() throws {
        let form = Form.etcdCoupling
        let keys = form.keys.map { "\($0): \(form.example(of: $0))" }.joined(separator: ", ")
        #expect(message(Page.yaml + "coupling: {\(keys)}\n") == nil)
    }

    @Test(arguments: [
        ("{}", "coupling has no kind. Add kind: embedded or kind: etcd."),
        ("{kind: etc}", "kind is \"etc\"; embedded or etcd is wanted. Write kind: etcd."),
        (
            "{kind: embedded, endpoints: [http://127.0.0.1:2379]}",
            "coupling of kind embedded has an unknown key \"endpoints\". Remove it; the keys here are kind, at, leaseSeconds."
        ),
        ("{kind: etcd}", "coupling of kind etcd has no endpoints. Add endpoints: [https://10.0.0.1:2379]."),
        ("{kind: etcd, endpoints: []}", "endpoints is an empty list."),
        ("{kind: etcd, endpoints: [https://10.0.0.1]}", "https://10.0.0.1:2379"),
        ("{kind: etcd, endpoints: [ftp://10.0.0.1:2379]}", "https://10.0.0.1:2379"),
        ("{kind: etcd, endpoints: [https://10.0.0.1:2379/v3]}", "https://10.0.0.1:2379"),
        ("{kind: etcd, endpoints: [https://10.0.0.1:0]}", "https://10.0.0.1:2379"),
        ("{kind: etcd, endpoints: [https://a_b:2379]}", "https://10.0.0.1:2379"),
        (
            "{kind: etcd, endpoints: [https://a:1, http://b:1]}",
            "endpoints are partly http, partly https. Write https for all."
        ),
        (
            "{kind: etcd, endpoints: [http://127.0.0.1:1], authority: /ca.pem}",
            "authority is for https, and the endpoints are http. Write https://… in endpoints."
        ),
        (
            "{kind: etcd, endpoints: [https://a:1], certificate: /a.pem}",
            "coupling has a certificate and no privateKey. Add privateKey: /etc/viaduct/etcd.key."
        ),
        (
            "{kind: etcd, endpoints: [https://a:1], privateKey: /a.key}",
            "coupling has a privateKey and no certificate. Add certificate: /etc/viaduct/etcd.pem."
        ),
        ("{kind: embedded, at: router2}", "there is no node \"router2\". Did you mean \"router1\"?"),
        ("{kind: embedded, at: t1}", "\"t1\" is a node of role target, not router"),
        ("{kind: embedded, leaseSeconds: 1}", "leaseSeconds is 1; 2 to 60 is allowed"),
    ])
    func whatIsRefused(_ section: String, _ expected: String) {
        let found = message(Page.yaml + "coupling: \(section)\n")
        #expect(found?.hasPrefix("cluster.yaml:") == true && found?.contains(expected) == true, "\(found ?? "taken")")
    }

    @Test func embeddedNeedsAPlaceForItsFile() {
        let without = Edit.applying("stateDirectory: /var/lib/viaduct", "#", to: Page.yaml)
        #expect(
            message(without + "coupling: {kind: embedded}\n")?.contains("Add \"stateDirectory: /var/lib/viaduct\"")
                == true)
    }

    @Test(arguments: ["a/b", "\"two words\"", "é"]) func aClusterNameIsPartOfAKey(_ name: String) {
        let found = message(Edit.applying("cluster: demo", "cluster: \(name)", to: Page.yaml))
        #expect(found?.contains("is not a name for a cluster. Write 1 to 63 letters, digits") == true, "\(found ?? "")")
    }

    @Test func formerKeysAreRead() throws {
        let found = try cluster("formerClusterKeys: [/etc/viaduct/former.key]\nclusterKey: /etc/viaduct/cluster.key\n")
        #expect(found.formerClusterKeys.map(\.count) == [32])
        let refused = message(Page.yaml + "formerClusterKeys: [/etc/viaduct/none.key]\n")
        #expect(refused?.contains("/etc/viaduct/none.key cannot be read") == true)
    }
}
