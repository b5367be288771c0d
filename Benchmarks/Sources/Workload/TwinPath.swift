import Associations
import CTwin
public import FastPath
import Wire

/// The path in C.
public struct TwinPath: PacketPath, ~Copyable {
    private let twin: OpaquePointer
    private let associations: [twin_sa]
    private let packets = UnsafeMutablePointer<twin_packet>.allocate(capacity: Int(TWIN_BATCH))
    private var count = 0

    public init(_ store: PacketStore, verifies: Bool) {
        twin = twin_create(
            verifies, capacity(for: store.scenario.associations), capacity(for: store.scenario.connections * 2))!
        associations = store.cluster.peers.map(Self.association)
        twin_add_gateway(twin, twin_address(Cluster.gateway))
        let service = Cluster.service
        twin_add_dvipa(
            twin, twin_address(service.dvipa), service.ipProtocol, service.ports[0].lowerBound,
            service.ports[0].upperBound)
        for (target, mac) in zip(Cluster.targets, Cluster.targetMACs) {
            twin_add_target(
                twin, Cluster.trustedAddress.v4, target.trustedAddress.v4, Cluster.trustedMAC.rawValue, mac.rawValue,
                Cluster.epoch.rawValue, Int32(Cluster.trustedMTU))
        }
        renewWindows()
    }

    deinit {
        twin_destroy(twin)
        packets.deallocate()
    }

    private static func association(_ peer: Cluster.Peer) -> twin_sa {
        let selectors = peer.association.selectors
        var sa = twin_sa()
        sa.spi = peer.association.spi.rawValue
        sa.key_bytes = UInt32(peer.key.count)
        withUnsafeMutableBytes(of: &sa.key) { $0.copyBytes(from: peer.key) }
        withUnsafeMutableBytes(of: &sa.salt) { $0.copyBytes(from: peer.salt) }
        sa.protocol = selectors.ipProtocol ?? 0
        sa.remote_count = 1
        sa.remote.0 = twin_range(selectors.remote[0])
        sa.local_count = 1
        sa.local.0 = twin_range(selectors.local[0])
        sa.local_port_count = 1
        sa.local_ports.0 = twin_ports(
            first: selectors.localPorts[0].lowerBound, last: selectors.localPorts[0].upperBound)
        return sa
    }

    public mutating func renewWindows() {
        for var association in associations { precondition(twin_install(twin, &association)) }
    }

    public mutating func learn(_ flow: Flow, servedBy target: Int) {
        guard
            twin_connect(
                twin, twin_address(flow.remote), flow.remotePort, flow.localPort, 0, flow.ipProtocol, Int32(target), 1)
        else { fatalError("the twin has no room for \(flow)") }
    }

    public mutating func clear() { count = 0 }

    @inline(__always)
    public mutating func append(_ packet: Packet) {
        packets[count] = twin_packet(
            start: Int64(packet.start), byte_count: Int32(packet.byteCount), target: -1, verdict: 0)
        count += 1
    }

    // A function of its own, by whose name scripts/bench/callgrind.py finds what to count.
    @inline(never)
    public mutating func process(in memory: borrowing FrameMemory) {
        var bytes = memory.mutableBytes(at: 0, count: memory.byteCount)
        bytes.withUnsafeMutableBytes { bytes in
            twin_process(twin, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), packets, count, 1)
        }
    }

    public func steered(_ index: Int) -> (start: Int, byteCount: Int, target: Int)? {
        let packet = packets[index]
        guard UInt32(packet.verdict) == TWIN_STEERED.rawValue else { return nil }
        return (Int(packet.start), Int(packet.byte_count), Int(packet.target))
    }

    public var steeredCount: UInt64 { twin_counter(twin, TWIN_STEERED) }
}

extension twin_address {
    init(_ address: IPAddress) { self.init(high: address.high, low: address.low) }
}

extension twin_range {
    init(_ range: AddressRange) { self.init(first: twin_address(range.first), last: twin_address(range.last)) }
}
