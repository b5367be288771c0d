public import Associations
import FastPath
public import Wire

/// The cluster that every measurement runs in: one gateway, one DVIPA, three targets, an SA for each peer.
public struct Cluster: Sendable {
    public static let gateway = IPAddress("198.51.100.1")!
    public static let dvipa = IPAddress("203.0.113.10")!
    public static let trustedAddress = IPAddress("192.0.2.1")!
    public static let trustedMAC = MACAddress("02:00:00:00:02:01")!
    public static let trustedMTU = 9_000
    public static let epoch = Epoch(rawValue: 1)
    public static let servicePorts: ClosedRange<UInt16> = 80...443
    static let clientMAC = MACAddress("02:00:00:00:01:02")!
    static let routerMAC = MACAddress("02:00:00:00:01:01")!

    public static let targets = (1...3).map {
        Target(name: "t\($0)", trustedAddress: IPAddress("192.0.2.\(10 + $0)")!)
    }
    public static let targetMACs = (1...3).map { MACAddress("02:00:00:00:02:\(10 + $0)")! }
    public static let service = Service(
        name: "web", dvipa: dvipa, ipProtocol: 6, ports: [servicePorts], targets: targets.map(\.name))

    /// An SA and its secrets in plain sight: they protect nothing.
    public struct Peer: Sendable {
        public var association: SecurityAssociation
        public var key: [UInt8]
        public var salt: [UInt8]
    }

    public var peers: [Peer]

    init(scenario: Scenario, dice: inout Dice) {
        var taken: Set<UInt32> = []
        peers = (0..<scenario.associations).map { index in
            var spi: UInt32
            repeat { spi = UInt32.random(in: 256...UInt32.max, using: &dice) } while !taken.insert(spi).inserted
            let key = (0..<16).map { _ in UInt8.random(in: 0...255, using: &dice) }
            let salt = (0..<4).map { _ in UInt8.random(in: 0...255, using: &dice) }
            let first = Self.innerNetwork(of: index)
            let inside = AddressRange(first: IPAddress(v4: first), last: IPAddress(v4: first | 63))
            let selectors = TrafficSelectors(
                remote: [inside], local: [AddressRange(first: Self.dvipa, last: Self.dvipa)], ipProtocol: 6,
                remotePorts: [], localPorts: [Self.servicePorts])
            let association = SecurityAssociation(
                name: "peer\(index)", spi: SPI(rawValue: spi), direction: .inbound, mode: .tunnel,
                source: IPAddress(v4: Self.outerAddress(of: index)), destination: Self.gateway,
                transform: .aes128gcm16, key: SecretBytes(key), salt: SecretBytes(salt), selectors: selectors,
                replayWindow: 64)
            return Peer(association: association, key: key, salt: salt)
        }
    }

    /// A connection of the scenario: its SA is the one of index `connection % peers.count`.
    func flow(of connection: Int) -> Flow {
        let perPeer = connection / peers.count
        let remote = Self.innerNetwork(of: connection % peers.count) + UInt32(1 + perPeer % 62)
        return Flow(
            remote: IPAddress(v4: remote), local: Self.dvipa, remotePort: UInt16(1_024 + perPeer / 62),
            localPort: connection % 3 == 0 ? 80 : 443, ipProtocol: 6)
    }

    /// Index of the target that serves a connection in every measurement: the turn it takes when connections open in
    /// their order.
    static func target(of connection: Int) -> Int { connection % targets.count }

    /// 198.18.0.0/15 is for benchmarks (RFC 2544).
    static func outerAddress(of peer: Int) -> UInt32 { 0xC612_0001 + UInt32(peer) }
    /// A /26 of 100.64.0.0/10 (RFC 6598) for each peer.
    static func innerNetwork(of peer: Int) -> UInt32 { 0x6440_0000 + UInt32(peer) << 6 }
}
