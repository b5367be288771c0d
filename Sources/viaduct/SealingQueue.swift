import ControlPlane
import FastPath

/// Packets that are to be sealed, of a host's own stack or of targets that the relay serves. Those without a number wait
/// in it, in their order; while it is full its owner reads no more, so that the senders are held back.
struct SealingQueue: ~Copyable {
    /// Filled by the owner.
    var batch = PacketBatch(capacity: 256)
    private let clock = MonotonicClock()
    private var patience = Patience()

    /// Seal -> the network, as far as there are numbers; then ask for those that are missing. Frames of what is decided
    /// go back to the pool.
    ///
    /// - Parameter passed: a verdict beside `sealed` with which packets leave over the same socket.
    mutating func send(
        through host: inout Host, and passed: Verdict? = nil, over raw: inout RawIPSocket,
        _ numbers: inout SequenceSource, _ memory: borrowing FrameMemory, _ pool: inout FramePool
    ) {
        repeat {
            guard !batch.isEmpty else { continue }
            host.seal(&batch, in: memory, now: clock.now)
            host.withholdLate(&batch, now: clock.now)
            raw.send(&batch, having: .sealed, memory: memory)
            if let passed { raw.send(&batch, having: passed, memory: memory) }
            giveUpOnOldPackets()
            host.account(batch)
            numbers.note(&host, batch)
            for index in 0..<batch.count where batch[index].verdict != .pending { pool.give(batch[index].start) }
            batch.removeDecided()
        } while numbers.poll(&host) && !batch.isEmpty
    }

    private mutating func giveUpOnOldPackets() {
        var waiting = 0
        for index in 0..<batch.count where batch[index].verdict == .pending { waiting += 1 }
        let isMoving = waiting < batch.count
        guard patience.hasRunOut(isWaiting: waiting > 0, isMoving: isMoving, at: clock.now) else { return }
        for index in 0..<batch.count where batch[index].verdict == .pending {
            batch[index].verdict = .noSequenceNumber
        }
    }
}
