import Commands
import ControlPlane
import Foundation
import Testing
import Wire

/// A target keeps quiet about the DVIPA: in the kernel's own words, and as its neighbour hears it.
@Suite struct ARPReticenceTests {
    static let ignore = NetworkSetting("net.ipv4.conf.all.arp_ignore")
    static let announce = NetworkSetting("net.ipv4.conf.all.arp_announce")

    @Test(arguments: [(0, 0, 1, 2), (1, 2, 1, 2), (2, 1, 2, 2), (8, 0, 8, 2), (3, 2, 1, 2)])
    func whatIsNotRightIsSetAndSetBack(_ ignore: Int, _ announce: Int, _ ignoreThen: Int, _ announceThen: Int) throws {
        let namespace = try NetworkNamespace()
        try namespace.inside {
            try Self.ignore.set(ignore)
            try Self.announce.set(announce)
            let reticence = try ARPReticence()
            #expect(try Self.ignore.value() == ignoreThen)
            #expect(try Self.announce.value() == announceThen)
            let hasChanged = ignore != ignoreThen || announce != announceThen
            #expect("\(reticence)".contains("net.ipv4.conf.all.arp") == hasChanged)
            try reticence.undo()
            #expect(try Self.ignore.value() == ignore)
            #expect(try Self.announce.value() == announce)
        }
    }

    @Test func whatSomebodyElseHasSetMeanwhileStays() throws {
        let namespace = try NetworkNamespace()
        try namespace.inside {
            let reticence = try ARPReticence()
            try Self.ignore.set(8)
            try reticence.undo()
            #expect(try Self.ignore.value() == 8)
            #expect(try Self.announce.value() == 0)
        }
    }

    @Test func aSettingThatIsNotThereIsNamed() throws {
        #expect(throws: SystemError("open", "/proc/sys/net/ipv4/nothing", code: ENOENT)) {
            try NetworkSetting("net.ipv4.nothing").value()
        }
    }

    /// The neighbour asks for the DVIPA on the link: without our word the target answers, with it nobody does.
    @Test func aNeighbourWhoAsksForTheDVIPAGetsNoAnswer() throws {
        let target = try NetworkNamespace()
        let neighbour = try NetworkNamespace()
        try target.ip("link add v0 type veth peer name v1")
        try target.ip("link set v1 netns \(neighbour.name)")
        try target.ip("address add 192.0.2.11/24 dev v0")
        try target.ip("link set v0 up")
        try target.ip("tuntap add tun0 mode tun")
        try target.ip("link set tun0 up")
        try target.ip("address add 10.72.0.10/32 dev tun0")
        try neighbour.ip("address add 192.0.2.1/24 dev v1")
        try neighbour.ip("link set v1 up")
        try neighbour.ip("route add 10.72.0.10/32 dev v1")

        /// What the kernel of the neighbour has found out by asking; both answers come to one place, in order.
        func knows(_ address: String) throws -> Bool {
            _ = try? neighbour.ip("neighbour del \(address) dev v1")
            // To be probed: a request goes out at once, and two more a second apart.
            try neighbour.ip("neighbour add \(address) dev v1 nud none")
            try neighbour.ip("neighbour change \(address) dev v1 use nud none")
            var state = ""
            _ = try eventually {
                state = try neighbour.ip("neighbour show \(address) dev v1")
                return state.contains("lladdr") || state.contains("FAILED")
            }
            return state.contains("lladdr")
        }
        #expect(try knows("10.72.0.10"), "Linux answers for every local address")
        let reticence = try target.inside { try ARPReticence() }
        #expect(try !knows("10.72.0.10"))
        #expect(try knows("192.0.2.11"), "the link's own address is still answered for")
        try target.inside { try reticence.undo() }
        #expect(try knows("10.72.0.10"))
    }
}
