public import Associations
public import Wire

/// What a router does for targets that cannot do an SA's transform: a host that opens and seals in their place, with
/// its own windows and leases, and GRE on the trusted link where a host has its TCP/IP (docs/relay.md).
///
///     in:   ESP, verified and steered by the worker -> window -> open whole -> tunnel check -> GRE, in clear -> the target
///     out:  GRE, in clear, from a target -> policy -> SA -> number from the lease -> seal -> straight to the peer
///
/// Frames begin with an IP header, in both directions. Not the fast way, and it need not be.
public struct Relay: ~Copyable {
    public var host: Host
    private let trustedAddress: IPAddress
    private let targets: [IPAddress]

    /// - Parameters:
    ///   - configuration: `ingress` is `direct`, `addresses` those to which peers send, `dvipas` what the cluster serves.
    ///   - trustedAddress: the router's own.
    ///   - targets: their trusted addresses, in the router's order.
    public init(_ configuration: HostConfiguration, epoch: Epoch, trustedAddress: IPAddress, targets: [IPAddress]) {
        host = Host(configuration)
        host.advance(to: epoch)
        self.trustedAddress = trustedAddress
        self.targets = targets
    }

    /// With ciphers made for the configuration's capacities.
    public init(
        _ configuration: HostConfiguration, epoch: Epoch, trustedAddress: IPAddress, targets: [IPAddress],
        inbound: consuming CipherProvider, outbound: consuming CipherProvider
    ) {
        host = Host(configuration, inbound: inbound, outbound: outbound)
        host.advance(to: epoch)
        self.trustedAddress = trustedAddress
        self.targets = targets
    }

    /// Opens what the worker handed over, each packet with its target. Those that are to go to it come out `relayed`,
    /// with their GRE header; all others have the verdict that says why not.
    public mutating func open(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt64) {
        host.open(&batch, in: memory, now: now)
        for index in 0..<batch.count where batch[index].verdict == .delivered {
            let target = Int(batch[index].target)
            guard targets.indices.contains(target) else {
                batch[index].verdict = .noTarget
                continue
            }
            ClearTransfer.enclose(
                &batch[index], from: trustedAddress, to: targets[target], epoch: host.epoch, in: memory)
            batch[index].verdict = .relayed
        }
    }

    /// Takes what came through GRE out of it; what is right is still `pending`, lies at its `start`, and is for
    /// `Host.seal`.
    public func receive(_ batch: inout PacketBatch, in memory: borrowing FrameMemory) {
        for index in 0..<batch.count {
            batch[index].verdict = receive(&batch[index], in: memory)
        }
    }

    private func receive(_ packet: inout Packet, in memory: borrowing FrameMemory) -> Verdict {
        let frame = memory.bytes(at: packet.start, count: packet.byteCount)
        guard let outer = IPv4Header(reading: frame), outer.version == 4, outer.byteCount >= IPv4Header.minimumByteCount
        else { return .truncated }
        guard targets.contains(outer.source) else { return .notFromTarget }
        guard let gre = GREHeader(reading: frame, at: outer.byteCount) else { return .truncated }
        guard outer.ipProtocol == IPProtocol.gre, gre.flagsAndVersion == GREHeader.keyOnly,
            gre.type == EtherType.ipv4.rawValue
        else { return .malformedGRE }
        guard Epoch(rawValue: gre.key) >= host.epoch else { return .staleEpoch }
        packet.start += outer.byteCount + GREHeader.byteCount
        packet.byteCount -= outer.byteCount + GREHeader.byteCount
        return .pending
    }
}
