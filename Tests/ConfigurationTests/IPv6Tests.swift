import Associations
import Configuration
import Foundation
import Testing
import Wire

/// The example with IPv6 in its places, written without quotes.
@Suite struct IPv6Tests {
    private static func six(_ text: String) -> String {
        var text = text
        for (old, new) in [
            ("192.0.2.11", "2001:db8:99::11"), ("192.0.2.1 ", "2001:db8:99::1 "),
            ("198.51.100.10", "2001:db8:c::10"), ("198.51.100.1", "2001:db8:a::1"),
            ("10.71.0.0/24", "2001:db8:71::/64"), ("10.72.0.0/24", "2001:db8:72::/64"),
            ("10.72.0.10", "2001:db8:72::10"), ("10.71.0.1", "2001:db8:71::1"),
        ] { text = text.replacingOccurrences(of: old, with: new) }
        return text
    }

    @Test func everyPlaceTakesIt() throws {
        let cluster = try ClusterConfiguration(yaml: Self.six(Page.bothWays), file: "cluster.yaml")
        #expect(cluster.gateways == [IPAddress("2001:db8:a::1")!])
        #expect(cluster.dvipas == [IPAddress("2001:db8:72::10")!])
        #expect(cluster.targets == [Target(name: "t1", trustedAddress: IPAddress("2001:db8:99::11")!)])
        let association = try #require(cluster.securityAssociations.first).association
        #expect(association.source == IPAddress("2001:db8:c::10")!)
        #expect(association.destination == IPAddress("2001:db8:a::1")!)
        #expect(association.selectors.remote == [AddressRange("2001:db8:71::/64")!])
        #expect(association.selectors.local == [AddressRange("2001:db8:72::/64")!])
    }

    @Test func familiesStandSideBySide() {
        let both = Edit.applying(
            "gateways: [198.51.100.1]", "gateways: [198.51.100.1, 2001:db8:a::1]", to: Page.yaml)
        #expect(message(both) == nil)
        let mixed = Edit.applying("remote: [10.71.0.0/24]", "remote: [10.71.0.0/24, 2001:db8::/32]", to: both)
        #expect(message(mixed) == nil)
    }

    /// IPv4 addresses are kept within IPv6's numbers, and are none of them.
    @Test func allOfIPv6DoesNotHoldAnIPv4Address() {
        let transport = Edit.applying(
            Page.outerHeader, "mode: transport\n    source: 10.71.0.1\n    destination: 10.72.0.10\n", to: Page.yaml)
        let wide = Edit.applying("local: [10.72.0.0/24]", "local: [10.99.0.0/24, \"::/0\"]", to: transport)
        #expect(message(wide)?.contains("the selectors' local must hold the DVIPA, 10.72.0.10") == true)
    }
}
