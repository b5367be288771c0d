import Associations
import Testing
import Wire

@testable import ControlPlane

/// IKE over IPv6, and SAs for it; the packet path will follow.
@Suite struct IPv6Tests {
    private static let here = SocketAddress(address: IPAddress("2001:db8:1::10")!, port: 500)
    private static let there = SocketAddress(address: IPAddress("2001:db8:2::1")!, port: 500)

    /// Runs both to the end; what each installed, and where messages went.
    private func handshake(
        _ initiator: SessionPolicy, _ responder: SessionPolicy, natted: SocketAddress? = nil
    ) -> (installed: [ChildSecurityAssociations], ports: Set<UInt16>) {
        var random = SeededGenerator(seed: 4)
        var ends = [Session(initiator), Session(responder)]
        var installed: [ChildSecurityAssociations] = []
        var ports: Set<UInt16> = []
        var work = ends[0].start(Path(local: Self.here, remote: Self.there), at: 0, using: &random).map { (0, $0) }
        while !work.isEmpty {
            let (sender, action) = work.removeFirst()
            if case .install(let pair, _) = action { installed.append(pair) }
            guard case .send(let bytes, let path) = action else { continue }
            ports.insert(path.remote.port)
            var arrival = Path(local: path.remote, remote: path.local)
            if let natted {
                if sender == 0 {
                    arrival.remote = SocketAddress(address: natted.address, port: natted.port + path.local.port)
                } else {
                    arrival.local = SocketAddress(address: Self.here.address, port: path.remote.port - natted.port)
                }
            }
            work += ends[1 - sender].receive(bytes, over: arrival, at: 0, using: &random).map { (1 - sender, $0) }
        }
        return (installed, ports)
    }

    private func policy(_ end: SessionPair.End, mode: Mode = .tunnel) throws -> SessionPolicy {
        let networks = end == .initiator ? ["fd00:1::/64", "fd00:2::/64"] : ["fd00:2::/64", "fd00:1::/64"]
        return try .sample(end, local: [networks[0]], remote: [networks[1]], mode: mode)
    }

    @Test func bothEndsAgree() throws {
        let (installed, ports) = handshake(try policy(.initiator), try policy(.responder))
        try #require(installed.count == 2)
        #expect(ports == [500])
        for pair in installed {
            #expect(Set([pair.inbound.source, pair.inbound.destination]) == [Self.here.address, Self.there.address])
            #expect(pair.inbound.udpEncapsulation == nil)
        }
        #expect(installed[0].outbound.spi == installed[1].inbound.spi)
        #expect(installed[0].outbound.key.matches(installed[1].inbound.key))
        // The responder is the first.
        #expect(installed[1].outbound.selectors.remote == [AddressRange("fd00:2::/64")!])
        // And they fit on the link to the targets.
        let bytes = ShadowEntry.install(installed[0].inbound).bytes
        #expect(ShadowEntry(bytes).map { $0.bytes == bytes } == true)
    }

    @Test func aTranslatorIsFoundAsWithIPv4() throws {
        let (installed, ports) = handshake(
            try policy(.initiator), try policy(.responder),
            natted: SocketAddress(address: IPAddress("2001:db8:99::7")!, port: 20_000))
        try #require(installed.count == 2)
        #expect(ports.contains(4500) && ports.contains(24_500))
        #expect(installed.contains { $0.outbound.udpEncapsulation == UDPEncapsulation(remotePort: 24_500) })
    }

    @Test func familiesAreNotMixedUp() throws {
        let (installed, _) = handshake(try policy(.initiator), try .sample(.responder))
        #expect(installed.isEmpty, "IPv6 selectors against an IPv4 policy")
    }
}
