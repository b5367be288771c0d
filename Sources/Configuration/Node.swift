public import Associations
public import Wire

/// One member of the cluster, or a peer that runs the same program.
public struct Node: Sendable {
    public var name: String
    public var role: Role

    /// Of its name in the file.
    let place: Place

    public enum Role: Sendable, Hashable {
        case router(RouterNode)
        case target(TargetNode)
        case endpoint(EndpointNode)

        /// As it is written in the file.
        public var name: String {
            switch self {
            case .router: "router"
            case .target: "target"
            case .endpoint: "endpoint"
            }
        }
    }
}

/// Its interfaces and its address may be missing: a replay needs none of them (`requireRunnable` does).
public struct RouterNode: Sendable, Hashable {
    /// ESP arrives here.
    public var clientInterface: String?
    /// The targets are here.
    public var trustedInterface: String?
    /// The source of GRE.
    public var trustedAddress: IPAddress?
    public var port: PortChoice
    /// Threads that process packets, 1 to 64; nil for one a receive queue, as many as there are processors at most.
    public var workers: Int?
}

/// How a router gets at frames.
public enum PortChoice: String, Sendable, Hashable, CaseIterable {
    /// AF_XDP, or a packet socket where that fails, said aloud.
    case auto
    case afXDP = "af_xdp"
    case packetSocket = "packet_socket"
}

public struct TargetNode: Sendable, Hashable {
    /// GRE arrives here.
    public var trustedAddress: IPAddress
    /// Bytes, of its TUN device; 1280 to 9000. nil: what the program thinks right.
    public var mtu: Int?
    /// Its share of new connections beside the others'.
    public var weight = TargetWeight.fixed(1)
    /// ESP transforms that it can do: SAs of others the router's relay does for it (docs/relay.md).
    public var transforms = Transform.allCases
    /// Who opens ESP here: we do, through a TUN device, or the kernel.
    public var delivery = TargetDelivery.tun
}

/// How a target's packets come to the host's own stack (docs/xfrm.md).
public enum TargetDelivery: Sendable, Hashable {
    case tun
    case xfrm
    /// The kernel where it can, a TUN device otherwise.
    case auto
}

public enum TargetWeight: Sendable, Hashable {
    /// 1 to 1000.
    case fixed(UInt16)
    /// As it asks for itself.
    case led
}

public struct EndpointNode: Sendable, Hashable {
    /// Inner addresses of its own, put on its TUN device.
    public var addresses: [IPAddress]
    /// Bytes, of its TUN device; 1280 to 9000. nil: what the program thinks right.
    public var mtu: Int?
}
