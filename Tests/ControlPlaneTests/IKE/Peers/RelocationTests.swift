import Associations
import Testing
import Wire

@testable import ControlPlane

/// Two nodes and a NAT between them that maps anew.
@Suite struct RelocationTests {
    private static let here = IPAddress("10.0.0.1")!
    private static let there = IPAddress("192.0.2.1")!
    private static let outside = IPAddress("203.0.113.7")!

    /// An SA that is installed again would begin its numbers anew, under the same key.
    @Test func noSAIsInstalledTwice() throws {
        var random = SeededGenerator(seed: 5)
        var offset: UInt16 = 20_000
        var mapped: [UInt16: UInt16] = [:]
        let gate = CookieGate(secret: random.secret(byteCount: 32), threshold: 100)
        var nodes = [
            PeerSessions(
                [
                    Connection(
                        try .sample(.initiator), local: Self.here, remote: AddressRange("192.0.2.1/32")!,
                        isInitiator: true)
                ], gate: gate, limits: HalfOpenLimits(), at: 0),
            PeerSessions([Connection(try .sample(.responder))], gate: gate, limits: HalfOpenLimits(), at: 0),
        ]
        var installed: [[ShadowEntry.Key: SecurityAssociation]] = [[:], [:]]

        func carry(_ first: [PeerSessions.Effect], of sender: Int) {
            var work = first.map { (sender, $0) }
            while !work.isEmpty {
                let (node, effect) = work.removeFirst()
                switch effect {
                case .publish(.install(let association)):
                    let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
                    #expect(installed[node].updateValue(association, forKey: key) == nil, "\(key) is there already")
                case .publish(.relocate(let relocation)):
                    let key = ShadowEntry.Key(spi: relocation.spi, direction: .outbound)
                    #expect(installed[node][key] != nil, "\(key) is not there")
                    installed[node][key]?.destination = relocation.destination
                    installed[node][key]?.udpEncapsulation = relocation.udpEncapsulation
                case .barrier(let id):
                    work += nodes[node].settled(id, missing: [], at: 0, using: &random).map { (node, $0) }
                case .send(let bytes, var path):
                    (path.local, path.remote) = (path.remote, path.local)
                    if node == 0 {
                        mapped[path.remote.port + offset] = path.remote.port
                        path.remote = SocketAddress(address: Self.outside, port: path.remote.port + offset)
                    } else {
                        path.local = SocketAddress(address: Self.here, port: mapped[path.local.port]!)
                    }
                    work += nodes[1 - node].receive(bytes, over: path, at: 0, using: &random).map { (1 - node, $0) }
                default: break
                }
            }
        }

        carry(nodes[0].order(.initiate("a.example"), at: 0, using: &random), of: 0)
        func outbound() -> [SecurityAssociation] { installed[1].values.filter { $0.direction == .outbound } }
        #expect(outbound().map(\.udpEncapsulation) == [UDPEncapsulation(remotePort: 24_500)])
        offset = 30_000
        carry(nodes[0].order(.addChild("a.example"), at: 0, using: &random), of: 0)
        // The one that was there goes on with its numbers, to the new port.
        #expect(
            outbound().map(\.udpEncapsulation)
                == [UDPEncapsulation](repeating: UDPEncapsulation(remotePort: 34_500), count: 2))
    }
}
