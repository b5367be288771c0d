import Associations
import Configuration
import Testing
import Wire

/// The section `filters`: what is read, what is refused, and that members must agree on it.
@Suite struct FilterRuleTests {
    private static func page(_ filters: String) -> String {
        Edit.applying("epoch: 1 ", "filters: \(filters) #", to: Page.yaml)
    }

    private func read(_ filters: String) throws -> ClusterConfiguration {
        try ClusterConfiguration(yaml: Self.page(filters), file: "cluster.yaml")
    }

    /// The example of the page, value by value.
    @Test func theExample() throws {
        let cluster = try ClusterConfiguration(yaml: Page.yaml + Page.filters, file: "cluster.yaml")
        #expect(
            cluster.filters
                == FilterSettings(
                    at: .router,
                    filter: Filter(
                        [
                            FilterRule(
                                name: "no-telnet", action: .deny, sources: [AddressRange("10.71.0.0/16")!],
                                destinations: [AddressRange("10.72.0.10")!], ipProtocol: 6,
                                sourcePorts: [1024...65535], destinationPorts: [23...23, 8000...8999]),
                            FilterRule(
                                name: "rule-2", action: .requireIPsec,
                                sources: [AddressRange("10.71.0.0/24")!, AddressRange("10.71.9.1-10.71.9.20")!]),
                        ], otherwise: .allow)))
        #expect(cluster.warnings.isEmpty)
        #expect(cluster.filter(at: .router)?.rules.count == 2)
        #expect(cluster.filter(at: .target) == nil)
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        #expect(try ClusterConfiguration(yaml: Page.yaml, file: "cluster.yaml").filters == nil)
        let plain = try read("{at: target, rules: []}")
        #expect(plain.filters == FilterSettings(at: .target, filter: Filter([], otherwise: .allow)))
        #expect(plain.filter(at: .target) == Filter([]))
        #expect(plain.filter(at: .router) == nil)
        let rule = try #require(try read("{at: router, default: deny, rules: [{action: allow}]}").filters?.filter)
        #expect(rule == Filter([FilterRule(name: "rule-1", action: .allow)], otherwise: .deny))
    }

    @Test(arguments: [("tcp", UInt8(6)), ("udp", 17), ("icmp", 1), ("47", 47)])
    func protocols(_ text: String, _ number: UInt8) throws {
        let cluster = try read("{at: router, rules: [{action: deny, protocol: \(text)}]}")
        #expect(cluster.filters?.filter.rules.first?.ipProtocol == number)
    }

    private static func edit(_ filters: String, gives problem: String) -> Edit {
        Edit("epoch: 1 ", "filters: \(filters) #", gives: "cluster.yaml:2: " + problem)
    }

    private static func edit(rule: String, gives problem: String) -> Edit {
        edit("{at: router, rules: [{\(rule)}]}", gives: problem)
    }

    static let refused = [
        edit("{rules: []}", gives: "filters has no at. Add at: router."),
        edit("{at: host, rules: []}", gives: "at is \"host\"; router or target is wanted. Write at: router."),
        edit(
            "{at: router}", gives: "filters has no rules. Add rules: [{action: deny, protocol: tcp, ports: [23]}]."),
        edit(
            "{at: router, default: drop, rules: []}",
            gives: "default is \"drop\"; allow, deny or require-ipsec is wanted. Write default: allow."),
        edit(
            "{at: router, defaults: deny, rules: []}",
            gives: "filters has an unknown key \"defaults\". Write default, or remove it."),
        edit(rule: "name: a", gives: "rule 1 has no action. Add action: deny."),
        edit(
            rule: "action: denied",
            gives: "action is \"denied\"; allow, deny or require-ipsec is wanted. Write action: deny."),
        edit(
            rule: "action: deny, source: 10.71.0.1",
            gives: "rule 1 has an unknown key \"source\". Write sourcePorts, or remove it."),
        edit(
            rule: "action: deny, from: 10.71.0.1/16",
            gives: "from is \"10.71.0.1/16\"; an address, a network (host bits 0) or a range first-last is wanted. "
                + "Write from: 10.71.0.0/16."),
        edit(rule: "action: deny, from: []", gives: "from is an empty list. Write from: 10.71.0.0/16."),
        edit(
            rule: "action: deny, from: [10.71.0.1, 10.71.0.1]", gives: "from holds \"10.71.0.1\" twice. Remove one."),
        edit(
            rule: "action: deny, from: \"fd00::1/64\"",
            gives: "from is \"fd00::1/64\"; an address, a network (host bits 0) or a range first-last is wanted. "
                + "Write from: 10.71.0.0/16."),
        edit(
            rule: "action: deny, to: [10.72.0.10, \"::/0\"]",
            gives: "to names ::/0, in which there is no DVIPA: the rule would match nothing. "
                + "Write to: 10.72.0.10, or remove to."),
        edit(
            rule: "action: deny, to: [10.72.0.10, 10.73.0.0/16]",
            gives: "to names 10.73.0.0/16, in which there is no DVIPA: the rule would match nothing. "
                + "Write to: 10.72.0.10, or remove to."),
        edit(
            rule: "action: deny, protocol: tpc",
            gives: "protocol is \"tpc\"; tcp, udp, icmp or a number is wanted. Write protocol: tcp."),
        edit(
            rule: "action: deny, ports: [80]",
            gives: "ports is there, but no protocol that has ports. Write protocol: tcp, or remove ports."),
        edit(
            rule: "action: deny, protocol: icmp, sourcePorts: 80",
            gives: "sourcePorts is there, but no protocol that has ports. "
                + "Write protocol: tcp, or remove sourcePorts."),
        edit(
            rule: "action: deny, protocol: tcp, ports: 9-8",
            gives: "ports is \"9-8\"; a port or a range first-last, 0 to 65535, is wanted. "
                + "Write ports: [23, 8000-8999]."),
        edit(
            rule: "action: deny, protocol: tcp, ports: [80, 79-81]",
            gives: "ports names port 80 twice. Remove one."),
        edit(
            rule: "name: default, action: deny",
            gives: "a rule's name is \"default\", which stands for no rule. Give it another name."),
        edit(
            "{at: router, rules: [{name: a, action: deny}, {name: a, action: allow}]}",
            gives: "filters has a rule \"a\" already. Give each rule a name of its own."),
        edit(
            "{at: router, rules: [{name: rule-2, action: deny}, {action: allow}]}",
            gives: "filters has a rule \"rule-2\" already. Give each rule a name of its own."),
    ]

    @Test("Filters", arguments: refused)
    func refuses(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    // MARK: Bounds

    @Test func thereAreAtMost1024Rules() throws {
        func rules(_ count: Int) -> String {
            let list = (0..<count).map { "{action: deny, protocol: tcp, ports: \($0)}" }.joined(separator: ", ")
            return Self.page("{at: router, rules: [\(list)]}")
        }
        #expect(message(rules(1024)) == nil)
        #expect(
            message(rules(1025))
                == "cluster.yaml:2: filters has more than 1024 rules. Put addresses and ports into one rule's lists.")
    }

    @Test func theListsOfAllRulesAreBounded() {
        func lists(_ count: Int) -> String {
            let ports = (0..<64).map { String($0 * 2) }.joined(separator: ", ")
            let sources = (0..<count).map { "10.71.0.\($0)" }.joined(separator: ", ")
            let rule = "{name: wide, action: deny, protocol: udp, ports: [\(ports)], from: [\(sources)]}"
            return Self.page("{at: target, rules: [\(rule)]}")
        }
        #expect(message(lists(64)) == nil)
        #expect(
            message(lists(65))
                == "cluster.yaml:2: with rule \"wide\" the lists of all rules make 4160 combinations; 4096 are allowed. "
                + "Write ranges and networks in place of lists, or fewer rules.")
    }

    // MARK: Warnings

    @Test(arguments: [
        ("{name: a, action: deny}, {name: b, action: allow, protocol: tcp, ports: 80}", true),
        ("{name: a, action: deny, from: 10.71.0.0/16}, {name: b, action: allow, from: [10.71.3.0/24]}", true),
        ("{name: a, action: deny, from: 10.71.3.0/24}, {name: b, action: allow, from: 10.71.0.0/16}", false),
        ("{name: a, action: deny, protocol: tcp}, {name: b, action: allow}", false),
        (
            "{name: a, action: deny, protocol: tcp, ports: 80-90}, {name: b, action: allow, protocol: tcp, ports: 85}",
            true
        ),
        ("{name: a, action: deny, protocol: tcp, ports: 80}, {name: b, action: allow, protocol: tcp}", false),
        ("{name: a, action: deny, protocol: udp}, {name: b, action: allow, protocol: tcp}", false),
    ]) func aRuleThatNeverDecidesIsNamed(_ rules: String, _ isHidden: Bool) throws {
        let warning = "cluster.yaml:2: rule \"b\" never decides: \"a\" before it matches all that it does"
        #expect(try read("{at: router, rules: [\(rules)]}").warnings == (isHidden ? [warning] : []))
    }

    // MARK: What members agree on

    @Test func theyAreOfTheText() throws {
        let text = try ClusterConfiguration(yaml: Page.yaml + Page.filters, file: "cluster.yaml").policyText
        #expect(
            text.hasSuffix(
                """
                leases 4510 10
                filters router allow
                filter no-telnet deny 10.71.0.0-10.71.255.255 10.72.0.10-10.72.0.10 6 1024-65535 23-23,8000-8999
                filter rule-2 require-ipsec 10.71.0.0-10.71.0.255,10.71.9.1-10.71.9.20 any any any any

                """), "\(text)")
    }

    private static let agreed =
        "{at: router, rules: [{name: a, action: deny, from: [10.71.0.1, 10.71.0.2]}, {name: b, action: allow}]}"

    @Test(arguments: [
        ("at: router", "at: target", true), ("at: router", "at: router, default: deny", true),
        ("at: router", "at: router, default: allow", false), ("action: deny", "action: require-ipsec", true),
        ("10.71.0.1, 10.71.0.2", "10.71.0.1", true), ("10.71.0.1, 10.71.0.2", "10.71.0.2, 10.71.0.1", false),
        ("action: allow", "action: allow, protocol: tcp", true),
        ("action: allow", "action: allow, to: 10.72.0.10", true),
        ("name: b", "name: c", true),
    ]) func aMemberWithOtherFiltersHasAnotherText(_ old: String, _ new: String, _ differs: Bool) throws {
        let edited = try read(Edit.applying(old, new, to: Self.agreed))
        #expect((edited.policyText != (try read(Self.agreed).policyText)) == differs)
    }
}
