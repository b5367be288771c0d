import Associations
import Configuration
import Wire

/// What has to fit where in a cluster, by `PacketRoom`: for the MTU of TUN devices, and for what is said at start and by
/// `check` (docs/mtu.md). Bytes of IP packets.
struct LinkRoom {
    /// Of a link that nothing else is known of.
    static let ethernet = 1500
    /// Of an inner packet, unless an SA leaves less: it fits most SAs, and people recognise it.
    static let preferredInner = 1400

    /// Of all SAs that the node may have.
    private let rooms: [PacketRoom]
    /// What GRE takes of the trusted link.
    private let gre: Int
    /// It is around what comes to the node.
    private let isBehindGRE: Bool

    init(_ cluster: ClusterConfiguration, _ node: Node) {
        var rooms = cluster.associations(of: node).map(PacketRoom.init)
        gre = PacketRoom.gre(isV6: cluster.targets.contains { !$0.trustedAddress.isV4 })
        if case .endpoint = node.role {
            isBehindGRE = false
        } else {
            isBehindGRE = true
            // What IKE will agree on is not known yet: the longest that is offered by default, and a NAT.
            rooms += (cluster.ike?.connections ?? []).compactMap { connection in
                Transform(rawValue: "aes256-sha256").map {
                    PacketRoom(
                        $0, mode: connection.child.mode, isInUDP: true,
                        isOuterV6: (cluster.gateways + cluster.dvipas).contains { !$0.isV4 })
                }
            }
        }
        self.rooms = rooms
    }

    /// The longest inner packet that may go either way.
    var innerMTU: Int { largestInner(in: isBehindGRE ? Self.ethernet - gre : Self.ethernet) }

    private func largestInner(in mtu: Int) -> Int {
        rooms.map { $0.largestInner(in: mtu) }.reduce(Self.preferredInner, min)
    }

    /// The longest ESP packet around inner packets of `inner`.
    private func outer(forInner inner: Int) -> Int { rooms.map { $0.outerByteCount(forInner: inner) }.max() ?? inner }

    /// What the way to the peers is taken for: Ethernet, unless the node's own MTU says that it has more.
    func pathMTU(forInner inner: Int) -> Int {
        inner <= Self.preferredInner ? Self.ethernet : max(Self.ethernet, outer(forInner: inner))
    }

    /// For a person: what the trusted link needs.
    var summary: String {
        return
            "inner packets of \(innerMTU) bytes; the trusted link needs an MTU of \(outer(forInner: innerMTU) + gre) for "
            + "them, and of \(Self.ethernet + gre) for all that comes from a link of \(Self.ethernet)"
    }

    /// What is wrong with a router's trusted link; nil when all that comes fits.
    func complaint(about trusted: (name: String, mtu: Int), behind client: (name: String, mtu: Int)) -> String? {
        let needed = client.mtu + gre
        guard trusted.mtu < needed else { return nil }
        let fits = largestInner(in: trusted.mtu - gre)
        let least = outer(forInner: innerMTU) + gre
        let consequence =
            trusted.mtu < least
            ? "too small for the targets' packets of \(innerMTU) bytes, which need \(least): they must have mtu: \(fits) or less"
            : "ESP packets of more than \(trusted.mtu - gre) bytes are dropped as oversized; TCP is kept below by its MSS"
        return "\(trusted.name) has an MTU of \(trusted.mtu): with \(gre) bytes of GRE, \(consequence). "
            + "All that \(client.name) brings fits with \(needed): ip link set \(trusted.name) mtu \(needed)"
    }
}
