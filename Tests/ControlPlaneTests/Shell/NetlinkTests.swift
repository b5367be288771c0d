import Associations
import Commands
import ControlPlane
import Foundation
import Synchronization
import Testing
import Wire

/// Against the kernel itself, in namespaces: needs root, as the program does.
@Suite struct NetlinkTests {
    @Test func anInterfaceIsFoundAndBroughtUp() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("link add v0 address 02:00:00:00:00:01 type veth peer name v1")
        let (before, after) = try namespace.inside {
            var netlink = try Netlink()
            let before = try netlink.interface(named: "v0")
            try netlink.bringUp(before, mtu: 1400)
            return (before, try netlink.interface(named: "v0"))
        }
        #expect(before.linkAddress == MACAddress("02:00:00:00:00:01"))
        #expect(before.mtu == 1500 && !before.isUp)
        #expect(after.mtu == 1400 && after.isUp && after.index == before.index)
    }

    @Test func theKernelsRefusalIsTold() throws {
        let namespace = try NetworkNamespace()
        try namespace.inside {
            var netlink = try Netlink()
            #expect(throws: SystemError("look up interface", "nowhere", code: ENODEV)) {
                try netlink.interface(named: "nowhere")
            }
            let loopback = try netlink.interface(named: "lo")
            #expect { try netlink.bringUp(loopback, mtu: .max) } throws: { "\($0)".contains("bring up lo: ") }
            // The socket is as good as before.
            #expect(try netlink.interface(named: "lo") == loopback)
        }
    }

    @Test func aTunnelDeviceGetsItsAddressesRoutesAndRules() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("tuntap add tun0 mode tun")
        let dvipa = IPAddress("10.72.0.10")!
        let dvipa6 = IPAddress("2001:db8::10")!
        let rules = [
            RoutingRule(match: .from(Prefix(dvipa)), exceptMark: 0x40, table: 4510, priority: 1000),
            RoutingRule(match: .from(Prefix(dvipa6)), exceptMark: 0x40, table: 4510, priority: 1000),
            RoutingRule(
                match: .to(Prefix.covering(AddressRange("10.71.0.0/24")!)[0]), exceptMark: 0x40, table: 4510,
                priority: 1001),
        ]
        // Twice: what is there already is no error.
        for _ in 0..<2 {
            try namespace.inside {
                var netlink = try Netlink()
                let device = try netlink.interface(named: "tun0")
                try netlink.bringUp(device, mtu: 1400)
                try netlink.addAddress(dvipa, to: device)
                try netlink.addAddress(dvipa6, to: device)
                try netlink.addDefaultRoute(.v4, through: device, table: 4510)
                try netlink.addDefaultRoute(.v6, through: device, table: 4510)
                for rule in rules { try netlink.addRule(rule) }
            }
        }
        #expect(try namespace.ip("address show tun0").contains("inet 10.72.0.10/32"))
        #expect(try namespace.ip("address show tun0").contains("inet6 2001:db8::10/128"))
        #expect(try namespace.ip("route show table 4510").contains("default dev tun0"))
        #expect(try namespace.ip("-6 route show table 4510").contains("default dev tun0"))
        let listed = try namespace.ip("rule show")
        #expect(listed.components(separatedBy: "from 10.72.0.10 fwmark 0/0x40 lookup 4510").count == 2)
        #expect(listed.components(separatedBy: "from all to 10.71.0.0/24 fwmark 0/0x40 lookup 4510").count == 2)
        #expect(try namespace.ip("-6 rule show").contains("from 2001:db8::10 fwmark 0/0x40 lookup 4510"))
        // The kernel's own decision: ours go to the device, marked ones and those of others do not.
        #expect(try namespace.ip("route get 10.71.0.1 from 10.72.0.10").contains("dev tun0 table 4510"))
        #expect(try namespace.ip("route get 10.71.0.1").contains("dev tun0 table 4510"))
        #expect(throws: CommandFailed.self) {
            try namespace.ip("route get 10.71.0.1 from 10.72.0.10 mark 64")
        }
        #expect(throws: CommandFailed.self) { try namespace.ip("route get 10.99.0.1") }

        for _ in 0..<2 {
            try namespace.inside {
                var netlink = try Netlink()
                let device = try netlink.interface(named: "tun0")
                for rule in rules { try netlink.deleteRule(rule) }
                try netlink.deleteDefaultRoute(.v4, through: device, table: 4510)
                try netlink.deleteDefaultRoute(.v6, through: device, table: 4510)
                try netlink.deleteAddress(dvipa, from: device)
                try netlink.deleteAddress(dvipa6, from: device)
            }
        }
        #expect(try !namespace.ip("rule show").contains("4510"))
        #expect(try !namespace.ip("-6 rule show").contains("4510"))
        #expect(try namespace.ip("route show table all").contains("4510") == false)
        #expect(try !namespace.ip("address show tun0").contains("10.72.0.10"))
    }

    /// A host on several networks: without a word from us the kernel takes the address of the first.
    @Test func aRouteNamesTheSourceOfThePacketsThatNameNone() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("link add v0 type veth peer name w0")
        try namespace.ip("link add v1 type veth peer name w1")
        for (index, address) in ["203.0.113.10", "198.51.100.10"].enumerated() {
            try namespace.ip("address add \(address)/24 dev v\(index)")
            for name in ["v", "w"] { try namespace.ip("link set \(name)\(index) up") }
        }
        try namespace.ip("tuntap add tun0 mode tun")
        let rule = RoutingRule(
            match: .to(Prefix(IPAddress("192.0.2.100")!)), exceptMark: 0x40, table: 4510, priority: 1000)
        for (source, expected) in [(nil, "203.0.113.10"), (IPAddress("198.51.100.10")!, "198.51.100.10")] {
            try namespace.inside {
                var netlink = try Netlink()
                let device = try netlink.interface(named: "tun0")
                try netlink.bringUp(device, mtu: 1400)
                try netlink.addDefaultRoute(.v4, through: device, table: 4510, preferredSource: source)
                try netlink.addRule(rule)
            }
            #expect(try namespace.ip("route get 192.0.2.100").contains("dev tun0 table 4510 src \(expected)"))
        }
        try namespace.inside {
            var netlink = try Netlink()
            let device = try netlink.interface(named: "tun0")
            #expect {
                try netlink.addDefaultRoute(
                    .v4, through: device, table: 4510, preferredSource: IPAddress("198.51.100.99")!)
            } throws: {
                "\($0)" == "add default route of table 4510 from 198.51.100.99 through tun0: Invalid argument"
            }
        }
    }

    @Test func neighboursAreListedAndTheirChangesTold() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("link add v0 type veth peer name v1")
        try namespace.ip("link set v0 up")
        try namespace.ip("neighbour add 192.0.2.11 lladdr 02:00:00:00:00:11 dev v0 nud permanent")
        try namespace.inside {
            var netlink = try Netlink()
            let subscription = try NeighbourSubscription()
            let index = try netlink.interface(named: "v0").index
            let address = IPAddress("192.0.2.11")!
            let mac = MACAddress("02:00:00:00:00:11")
            let known = Neighbour(interface: index, address: address, linkAddress: mac, state: .reachable)
            #expect(try netlink.neighbours(of: index).contains(known))
            #expect(try netlink.neighbours(of: index + 100) == [])
            try namespace.ip("neighbour change 192.0.2.11 lladdr 02:00:00:00:00:12 dev v0 nud stale")
            try namespace.ip("neighbour delete 192.0.2.11 dev v0")
            var changes: [Neighbour] = []
            #expect(
                try eventually {
                    changes += try subscription.changes().filter { $0.address == address }
                    return changes.last?.state == .failed
                })
            #expect(changes.first?.linkAddress == MACAddress("02:00:00:00:00:12"))
            #expect(changes.first?.state == .stale)
        }
    }

    /// Nobody has ever sent to the target: the service makes the kernel ask, and hears when it goes away.
    @Test func theServiceResolvesATargetAndTellsWhenItMoves() throws {
        let namespace = try NetworkNamespace()
        let far = try NetworkNamespace()
        try namespace.ip("link add v0 type veth peer name v1")
        try namespace.ip("link set v1 netns \(far.name)")
        try namespace.ip("address add 192.0.2.1/24 dev v0")
        try namespace.ip("link set v0 up")
        try far.ip("address add 192.0.2.11/24 dev v1")
        try far.ip("link set v1 address 02:00:00:00:00:11 up")
        let told = Told()
        let service = try namespace.inside {
            try NeighbourService(
                targets: [Target(name: "t1", trustedAddress: IPAddress("192.0.2.11")!)], interface: "v0",
                local: IPAddress("192.0.2.1")!
            ) { publication in
                guard case .neighbour("t1", let linkAddress) = publication else { return }
                told.linkAddresses.withLock { $0.append(linkAddress) }
            }
        }
        defer { service.stop() }
        #expect(eventually { told.latest == .some(MACAddress("02:00:00:00:00:11")) })
        try namespace.ip("neighbour change 192.0.2.11 lladdr 02:00:00:00:00:99 dev v0 nud permanent")
        #expect(eventually { told.latest == .some(MACAddress("02:00:00:00:00:99")) })
        try namespace.ip("neighbour delete 192.0.2.11 dev v0")
        // Gone, asked for again, found again.
        #expect(eventually { told.latest == .some(MACAddress("02:00:00:00:00:11")) })
        #expect(service.failure == nil)
    }

    private final class Told: Sendable {
        let linkAddresses = Mutex<[MACAddress?]>([])
        var latest: MACAddress?? { linkAddresses.withLock(\.last) }
    }
}
