internal import Associations
public import Wire

/// What a router does for targets that cannot do an SA's transform: a host that opens and seals in their place, with
/// its own windows and leases, and GRE on the trusted link where a host has its TCP/IP (docs/relay.md).
///
///     in:   ESP, verified and steered by the worker -> window -> open whole -> tunnel check -> GRE, in clear -> the target
///     out:  GRE, in clear, from a target -> policy -> SA -> number from the lease -> seal -> straight to the peer
///
/// Frames begin with an IP header, in both directions. Not the fast way, and it need not be.
public struct Relay: Sendable {
    private let trustedAddress: IPAddress
    private let targets: [IPAddress]

    /// - Parameters:
    ///   - trustedAddress: the router's own.
    ///   - targets: their trusted addresses, in the router's order.
    public init(trustedAddress: IPAddress, targets: [IPAddress]) {
        self.trustedAddress = trustedAddress
        self.targets = targets
    }

    /// Opens what the worker handed over, each packet with its target. Those that are to go to it come out `relayed`,
    /// with their GRE header; all others have the verdict that says why not.
    ///
    /// - Parameter host: with `direct` ingress; `addresses` are those to which peers send, `dvipas` what the cluster serves.
    public func open(
        _ batch: inout PacketBatch, through host: inout Host, in memory: borrowing FrameMemory, now: UInt64
    ) {
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
    /// the host's `seal`.
    public func receive(_ batch: inout PacketBatch, for host: borrowing Host, in memory: borrowing FrameMemory) {
        for index in 0..<batch.count {
            batch[index].verdict = receive(&batch[index], host.epoch, in: memory)
        }
    }

    private func receive(_ packet: inout Packet, _ epoch: Epoch, in memory: borrowing FrameMemory) -> Verdict {
        let frame = memory.bytes(at: packet.start, count: packet.byteCount)
        var inner = 0
        let read = TrustedGRE.read(frame, from: targets, orElse: .notFromTarget, epoch: epoch, inner: &inner)
        guard read == .pending else { return read }
        packet.start += inner
        packet.byteCount -= inner
        return .pending
    }
}
