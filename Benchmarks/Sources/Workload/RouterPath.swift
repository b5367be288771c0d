public import Associations
public import FastPath
import Wire

/// Viaduct's router.
public struct RouterPath: PacketPath, ~Copyable {
    private var router: Router
    private var batch = PacketBatch()
    private let associations: [SecurityAssociation]

    public init(_ store: PacketStore, verifies: Bool) throws {
        router = try Self.router(for: store, verifies: verifies)
        associations = store.cluster.peers.map(\.association)
    }

    /// With these SAs, verifying.
    public init(_ associations: [SecurityAssociation], connections: Int) throws {
        router = try Self.router(with: associations, connections: connections, verifies: true)
        self.associations = associations
    }

    /// The router of the store's cluster, with its SAs and neighbours.
    public static func router(for store: PacketStore, verifies: Bool) throws -> Router {
        try router(
            with: store.cluster.peers.map(\.association), connections: store.scenario.connections, verifies: verifies)
    }

    /// - Parameter connections: How many will be there.
    public static func router(
        with associations: [SecurityAssociation], connections: Int, verifies: Bool
    ) throws -> Router {
        var router = Router(configuration(associations: associations.count, connections: connections, verifies: verifies))
        for (target, mac) in zip(Cluster.targets, Cluster.targetMACs) {
            try router.apply(.neighbour(target: target.name, mac))
        }
        for association in associations { try router.apply(.install(association)) }
        return router
    }

    /// With room for the store's SAs and connections.
    public static func configuration(for store: PacketStore, verifies: Bool) -> RouterConfiguration {
        configuration(
            associations: store.scenario.associations, connections: store.scenario.connections, verifies: verifies)
    }

    private static func configuration(associations: Int, connections: Int, verifies: Bool) -> RouterConfiguration {
        var configuration = RouterConfiguration(
            dvipas: [Cluster.dvipa], gateways: [Cluster.gateway], services: [Cluster.service],
            targets: Cluster.targets, epoch: Cluster.epoch, trustedAddress: Cluster.trustedAddress,
            trustedMAC: Cluster.trustedMAC, trustedMTU: Cluster.trustedMTU)
        configuration.verification = verifies ? .router : .target
        configuration.associationCapacity = capacity(for: associations)
        configuration.connectionCapacity = capacity(for: connections * 2)
        // All connections of a scenario begin before the first of them goes on.
        configuration.halfOpenCapacity = configuration.connectionCapacity
        configuration.halfOpenLimit = configuration.connectionCapacity
        return configuration
    }

    public var cipherName: String { router.cipherName }

    public mutating func renewWindows() {
        for association in associations {
            do { try router.apply(.install(association)) } catch { fatalError("\(association.name): \(error)") }
        }
    }

    public mutating func learn(_ flow: Flow, servedBy target: Int) {
        guard router.learn(flow, servedBy: Cluster.targets[target].name, now: 1) else {
            fatalError("the router has no room for \(flow)")
        }
    }

    @inline(__always)
    public mutating func clear() { batch.removeAll() }

    @inline(__always)
    public mutating func append(_ packet: Packet) { batch.append(packet) }

    // A function of its own, by whose name scripts/bench/callgrind.py finds what to count.
    @inline(never)
    public mutating func process(in memory: borrowing FrameMemory) {
        router.process(&batch, in: memory, now: 1)
        router.account(batch)
    }

    public func steered(_ index: Int) -> (start: Int, byteCount: Int, target: Int)? {
        let packet = batch[index]
        guard packet.verdict == .steered else { return nil }
        return (packet.start, packet.byteCount, Int(packet.target))
    }

    public var steeredCount: UInt64 { router.counters[.steered] }
}
