import Associations
import Testing
import Wire

@testable import ControlPlane

/// A peer's ESP comes from another port of its NAT: its traffic follows, and its IKE SA (docs/nat.md).
@Suite struct PeerSightingTests {
    private static let nat = IPAddress("203.0.113.7")!

    /// A gateway, and a client behind a NAT that adds so much to its ports.
    private struct Bed {
        var gateway: GatewayModel
        var client: ClientModel
        static let offset: UInt16 = 10_000

        init(isMobile: Bool = false) throws {
            gateway = try GatewayModel.responder()
            var policy = try SessionPolicy.sample(.initiator)
            if !isMobile { policy.mobility = nil }
            client = ClientModel(policy, at: "10.0.0.1", seed: 5)
            let path = Path(local: client.address, remote: GatewayModel.address)
            carry(client.session.start(path, at: gateway.now, using: &client.random))
        }

        /// Both talk until neither has anything to say.
        mutating func carry(_ actions: [Session.Action]) {
            for case .send(let bytes, let path) in actions {
                let seen = Path(
                    local: SocketAddress(address: GatewayModel.address.address, port: path.remote.port),
                    remote: SocketAddress(address: PeerSightingTests.nat, port: path.local.port + Self.offset))
                gateway.perform(
                    gateway.sessions.receive(bytes, over: seen, at: gateway.now, using: &gateway.random))
                answer()
            }
        }

        mutating func answer() {
            for (bytes, path) in gateway.takeSent() where path.remote.address == PeerSightingTests.nat {
                let seen = Path(
                    local: SocketAddress(address: client.address.address, port: path.remote.port - Self.offset),
                    remote: SocketAddress(address: GatewayModel.address.address, port: path.local.port))
                carry(client.session.receive(bytes, over: seen, at: gateway.now, using: &client.random))
            }
        }

        var inbound: SPI { gateway.held.first { $0.direction == .inbound }!.spi }

        /// Where the relocations since lead to.
        mutating func see(_ sightings: [PeerSighting]) -> [String] {
            let before = gateway.published.count
            gateway.perform(gateway.sessions.sighted(sightings, at: gateway.now, using: &gateway.random))
            return places(from: before)
        }

        func places(from count: Int) -> [String] {
            gateway.published[count...].compactMap {
                guard case .relocate(let to) = $0 else { return nil }
                return "\(to.destination):\(to.udpEncapsulation?.remotePort ?? 0)"
            }
        }

        func sighting(_ number: UInt64, _ port: UInt16) -> PeerSighting {
            PeerSighting(spi: inbound, number: number, address: PeerSightingTests.nat, port: port)
        }
    }

    @Test func itsTrafficFollows() throws {
        var bed = try Bed()
        #expect(bed.client.session.isEstablished)
        var places = bed.see([bed.sighting(100, 20_001)])
        #expect(places == ["203.0.113.7:20001"])
        #expect(bed.gateway.sessions.counts["followed"] == 1)
        #expect(bed.gateway.log.last?.contains("by its ESP it is at 203.0.113.7:20001 now") == true)
        // Said twice: by two targets.
        places = bed.see([bed.sighting(101, 20_001)])
        #expect(places == [])
        #expect(bed.gateway.sessions.status.first?.children.count == 1)
    }

    /// Of several targets one may be late with what it saw.
    @Test func theHighestNumberCounts() throws {
        var bed = try Bed()
        var places = bed.see([bed.sighting(100, 20_001), bed.sighting(99, 14_500), bed.sighting(100, 14_500)])
        #expect(places == ["203.0.113.7:20001"])
        places = bed.see([bed.sighting(102, 20_003), bed.sighting(101, 20_002)])
        #expect(places == ["203.0.113.7:20003"])
    }

    @Test func whatIsNoPeersIsPassedOver() throws {
        var bed = try Bed()
        var stranger = bed.sighting(100, 20_001)
        stranger.spi = SPI(rawValue: 0xDEAD_BEEF)
        let places = bed.see([stranger])
        #expect(places == [] && bed.gateway.sessions.counts["followed"] == nil)
    }

    /// Behind a barrier a session is not touched; what was seen is not lost.
    @Test func behindABarrierItWaits() throws {
        var bed = try Bed()
        bed.gateway.settles = false
        let child = try #require(bed.client.session.childSPIs.first)
        bed.carry(bed.client.session.rekeyChild(child, at: bed.gateway.now, using: &bed.client.random))
        let waiting = try #require(bed.gateway.barriers.first)
        let old = bed.gateway.held.filter { $0.direction == .inbound }.map(\.spi)
        let count = bed.gateway.published.count
        let sightings = old.map { PeerSighting(spi: $0, number: 100, address: Self.nat, port: 20_001) }
        let places = bed.see(sightings)
        #expect(places == [])
        bed.gateway.settle(waiting)
        #expect(bed.places(from: count).contains("203.0.113.7:20001"))
    }
}
