import Associations
import Configuration
import Testing
import Wire

@testable import FastPath
@testable import viaduct

/// Which member asks the rules of the file's `filters`.
@Suite struct FilterWiringTests {
    private func cluster(_ filters: String) throws -> ClusterConfiguration {
        try ClusterConfiguration(
            yaml: """
                cluster: demo
                nodes:
                  router1: {role: router, trustedAddress: 192.0.2.1}
                  t1: {role: target, trustedAddress: 192.0.2.11}
                dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
                \(filters)
                """, file: "cluster.yaml")
    }

    private func filters(_ filters: String) throws -> (router: Filter?, target: Filter?) {
        let cluster = try cluster(filters)
        let router = RouterConfiguration(
            cluster, trustedAddress: IPAddress(v4: 0xC000_0201), trustedMAC: MACAddress(rawValue: 0x0200_0000_0001),
            trustedMTU: 1500)
        return (router.filter, HostConfiguration(targetOf: cluster).filter)
    }

    @Test func oneOfTheTwoRolesOrNone() throws {
        let filter = Filter([FilterRule(name: "rule-1", action: .deny)], otherwise: .requireIPsec)
        let rules = "default: require-ipsec, rules: [{action: deny}]"
        let none = try filters("")
        #expect(none.router == nil && none.target == nil)
        let atRouter = try filters("filters: {at: router, \(rules)}")
        #expect(atRouter.router == filter && atRouter.target == nil)
        let atTarget = try filters("filters: {at: target, \(rules)}")
        #expect(atTarget.router == nil && atTarget.target == filter)
    }

    /// Who has other filters is refused by its policy hash.
    @Test func anotherFilterIsAnotherHash() throws {
        let hashes = try ["", "filters: {at: router, rules: []}", "filters: {at: target, rules: []}"].map {
            try cluster($0).policyHash
        }
        #expect(Set(hashes).count == 3)
        #expect(hashes.allSatisfy { $0.count == 32 })
    }
}
