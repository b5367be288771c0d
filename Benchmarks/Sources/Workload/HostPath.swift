public import Associations
public import FastPath
import Wire

/// Viaduct's target, opening what comes in GRE, or its sealing side.
public struct HostPath: PacketPath, ~Copyable {
    public enum Work: Sendable { case open, seal }

    private var host: Host
    private var batch = PacketBatch()
    private let work: Work
    private let association: SecurityAssociation

    /// - Parameter association: Inbound to open, outbound to seal.
    public init(_ work: Work, _ association: SecurityAssociation) throws {
        self.work = work
        self.association = association
        var configuration = HostConfiguration(
            ingress: .gre(routers: [Cluster.trustedAddress], epoch: Cluster.epoch), addresses: [Cluster.gateway],
            dvipas: [Cluster.dvipa])
        configuration.associationCapacity = 64
        host = Host(configuration)
        renewWindows()
    }

    public mutating func renewWindows() {
        do {
            try host.apply(.install(association))
            guard work == .seal else { return }
            // Each pass begins at 1 again: these packets go nowhere.
            let all = SequenceLease(identifier: 1, first: 1, end: 1 << 32, validUntil: .max)
            try host.apply(.lease(association.spi, all))
        } catch { fatalError("\(association.name): \(error)") }
    }

    public mutating func learn(_ flow: Flow, servedBy target: Int) {}

    @inline(__always)
    public mutating func clear() { batch.removeAll() }

    @inline(__always)
    public mutating func append(_ packet: Packet) { batch.append(packet) }

    @inline(never)
    public mutating func process(in memory: borrowing FrameMemory) {
        switch work {
        case .open: host.open(&batch, in: memory, now: 1_000_000_000)
        case .seal: host.seal(&batch, in: memory, now: 1_000_000_000)
        }
        host.account(batch)
    }

    public func steered(_ index: Int) -> (start: Int, byteCount: Int, target: Int)? {
        let packet = batch[index]
        guard packet.verdict == (work == .open ? .delivered : .sealed) else { return nil }
        return (packet.start, packet.byteCount, 0)
    }

    public var steeredCount: UInt64 { host.counters[work == .open ? .delivered : .sealed] }
}
