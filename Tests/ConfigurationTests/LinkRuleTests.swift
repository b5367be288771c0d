import Configuration
import Foundation
import Testing

/// `link`, and what members must agree on.
@Suite struct LinkRuleTests {
    private func read(_ yaml: String) throws -> ClusterConfiguration {
        try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: HeldFiles().reader)
    }

    private static let key = "clusterKey: /etc/viaduct/cluster.key\n"

    @Test func whatIsLeftOutHasItsDefault() throws {
        #expect(try read(Page.yaml).link == nil)
        let page = Page.yaml + Self.key
        #expect(try read(page + "link: {}\n").link == LinkSettings(port: 4520, credentials: "/etc/viaduct/link"))
        #expect(
            try read(page + "link: {port: 1, credentials: /x}\n").link == LinkSettings(port: 1, credentials: "/x"))
    }

    @Test(arguments: [
        ("link: {prot: 1}", "link has an unknown key \"prot\". Write port, or remove it."),
        ("link: {port: 0}", "port is 0; 1 to 65535 is allowed. Write port: 4520."),
        (
            "link: 4520",
            "link is a single value; keys are wanted (port, credentials). Write link: {credentials: /etc/viaduct/link}."
        ),
    ]) func whatIsWrongGetsItsMessage(_ line: String, _ wanted: String) {
        #expect(message(Page.yaml + line + "\n") == "cluster.yaml:53: \(wanted)")
    }

    /// Each change of what members must agree on, and the text changes.
    @Test(arguments: [
        ("cluster: demo ", "cluster: dem0 "), ("  - address: 10.72.0.10", "  - address: 10.72.0.11"),
        ("gateways: [198.51.100.1]", "gateways: [198.51.100.1, 198.51.100.2]"), ("- name: web", "- name: wep"),
        ("ports: [80, 443, \"8000-8999\"]", "ports: [80, 443, \"8000-8998\"]"),
        ("    trustedAddress: 192.0.2.11", "    trustedAddress: 192.0.2.12"),
        (
            "  client:\n    role: endpoint",
            "  t2: {role: target, trustedAddress: 192.0.2.19}\n  client:\n    role: endpoint"
        ),
        ("validityMilliseconds: 10 ", "validityMilliseconds: 11 "), ("  port: 4510 ", "  port: 4512 "),
    ]) func whatMembersMustAgreeOnChangesTheText(_ old: String, _ new: String) throws {
        // The SA that the page shows hangs on addresses that are edited here; it is not what this is about.
        let page = String(Page.yaml.prefix(upTo: Page.yaml.range(of: "securityAssociations:")!.lowerBound))
        let edited = try read(Edit.applying(old, new, to: page))
        #expect(edited.policyText != (try read(page).policyText))
    }

    @Test(arguments: [
        ("epoch: 1 ", "epoch: 9 "), ("stateDirectory: /var/lib/viaduct", "stateDirectory: /elsewhere"),
        ("clientInterface: client0", "clientInterface: eth7"), ("port: auto ", "port: packet_socket "),
        (
            "    mtu: 1400                       # optional, 1280",
            "    mtu: 1300                       # optional, 1280"
        ),
        ("ports: [80, 443, \"8000-8999\"]", "ports: [\"8000-8999\", 443, 80]"),
        ("key: 71f81c", "key: 81f81c"), ("addresses: [10.71.0.1]", "addresses: [10.71.0.2]"),
        ("    trustedAddress: 192.0.2.1  ", "    trustedAddress: 192.0.2.2  "),
        ("securityAssociations: ", "link: {port: 4599}\n\(key)securityAssociations: "),
    ]) func whatIsANodesOwnDoesNot(_ old: String, _ new: String) throws {
        #expect(try read(Edit.applying(old, new, to: Page.yaml)).policyText == (try read(Page.yaml).policyText))
    }

    @Test func theTextIsOfOneForm() throws {
        #expect(
            try read(Page.yaml).policyText == """
                viaduct policy 1
                cluster demo
                dvipa 10.72.0.10
                gateway 198.51.100.1
                target t1 192.0.2.11
                service 10.72.0.10 web 6 80-80,443-443,8000-8999 t1
                leases 4510 10

                """)
        let steered = try read(
            Edit.applying("targets: [t1] ", "steering: {method: consistent-hash, affinity: 60} #", to: Page.yaml))
        #expect(steered.policyText.contains(" 80-80,443-443,8000-8999 t1 consistent-hash 60\n"))
        let plain = try read(Edit.applying("targets: [t1] ", "steering: {method: weighted} #", to: Page.yaml))
        #expect(plain.policyText == (try read(Page.yaml).policyText))
        // A name cannot pretend to be another line, or two.
        let name = try read(Edit.applying("- name: web", "- name: \"a b,c%\"", to: Page.yaml))
        #expect(name.policyText.contains("service 10.72.0.10 a%20.b%2c.c%25. 6 "))
    }
}
