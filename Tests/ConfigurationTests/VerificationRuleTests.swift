import Configuration
import Testing

/// `verify`: what a router that only reads cannot do is refused, with what to write instead.
@Suite struct VerificationRuleTests {
    private func read(
        _ verify: String, steering: String? = "consistent-hash", link: Bool = true, filters: String = "",
        target: String = ""
    ) throws -> ClusterConfiguration {
        let method = steering.map { ", steering: {method: \($0)}" } ?? ""
        return try ClusterConfiguration(
            yaml: """
                cluster: demo
                \(verify)
                nodes:
                  router1: {role: router, trustedAddress: 192.0.2.1}
                  t1: {role: target, trustedAddress: 192.0.2.11\(target)}
                dvipas: [{address: 10.72.0.10, services: [{name: web, protocol: tcp, ports: [80]\(method)}]}]
                \(link ? "clusterKey: /etc/viaduct/cluster.key\nlink: {}" : "")
                \(filters)
                """, file: "cluster.yaml", files: HeldFiles().reader)
    }

    private func refusal(
        _ verify: String, steering: String? = "consistent-hash", link: Bool = true, filters: String = ""
    ) -> String {
        do {
            _ = try read(verify, steering: steering, link: link, filters: filters)
            return "none"
        } catch { return "\(error)" }
    }

    @Test func theRouterVerifiesUnlessTheFileSaysOtherwise() throws {
        #expect(try read("").verification == .router)
        #expect(try read("verify: router", steering: nil, link: false).verification == .router)
        #expect(try read("verify: target").verification == .target)
        #expect(try read("verify: target", steering: "hot-standby").verification == .target)
        #expect(try read("verify: target", filters: "filters: {at: target, rules: []}").verification == .target)
    }

    @Test func whatIsWrongGetsItsMessage() {
        #expect(
            refusal("verify: targets") == "cluster.yaml:2: verify is \"targets\"; router or target is wanted. "
                + "Write verify: target.")
        #expect(
            refusal("verify: target", link: false)
                == "cluster.yaml:2: verify is target, and without a link no target can report what it has verified. "
                + "Add \"link: {credentials: /etc/viaduct/link}\", or write verify: router.")
        #expect(
            refusal("verify: target", filters: "filters: {at: router, rules: []}")
                == "cluster.yaml:9: filters has at: router, where with verify: target a packet is only what it claims "
                + "to be. Write at: target: who opens a packet asks the rules.")
    }

    @Test(arguments: [nil, "weighted", "round-robin", "active-connections"])
    func methodsWithTurnsAreRefused(_ method: String?) {
        #expect(
            refusal("verify: target", steering: method)
                == "cluster.yaml:6: service \"web\" at 10.72.0.10 is steered by \(method ?? "weighted"), whose turns a "
                + "router would take on the word of packets that nobody has verified. "
                + "Write \"steering: {method: consistent-hash}\" or hot-standby, or verify: router.")
    }

    @Test func aKernelThatOpensIsNoWitness() throws {
        do {
            _ = try read("verify: target", target: ", delivery: xfrm")
            Issue.record("it was read")
        } catch {
            #expect(
                "\(error)" == "cluster.yaml:2: verify is target, and t1 has delivery: xfrm: its kernel opens packets, "
                    + "and tells nobody which. Write delivery: tun or auto, or verify: router.")
        }
        #expect(try read("verify: router", target: ", delivery: xfrm").verification == .router)
        #expect(try read("verify: target", target: ", delivery: auto").verification == .target)
    }

    /// A member that would verify elsewhere is not let in.
    @Test func membersMustAgree() throws {
        let plain = try read("").policyText
        let (same, other) = (try read("verify: router").policyText, try read("verify: target").policyText)
        #expect(same == plain)
        #expect(other != plain)
    }
}
