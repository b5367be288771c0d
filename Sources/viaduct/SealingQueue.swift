import ControlPlane
import FastPath

/// Who sent what is to be sealed, and hears what came of it.
protocol PacketSource: ~Copyable {
    /// False when the answer was not taken.
    mutating func answer(_ packet: RawSpan) -> Bool
}

extension TUNDevice: PacketSource {
    mutating func answer(_ packet: RawSpan) -> Bool { write(packet) }
}

/// Nobody: what targets sent through the relay.
struct NoSource: PacketSource {
    func answer(_ packet: RawSpan) -> Bool { false }
}

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
    /// - Parameters:
    ///   - source: gets the packets that were turned into answers to it (`tooBig`).
    ///   - passed: a verdict beside `sealed` with which packets leave over the same socket.
    mutating func send(
        from source: inout some PacketSource & ~Copyable, through host: inout Host, and passed: Verdict? = nil,
        over raw: inout RawIPSocket,
        _ numbers: inout SequenceSource, _ memory: borrowing FrameMemory, _ pool: inout FramePool
    ) {
        repeat {
            guard !batch.isEmpty else { continue }
            host.seal(&batch, in: memory, now: clock.now)
            host.withholdLate(&batch, now: clock.now)
            raw.send(&batch, having: .sealed, memory: memory)
            if let passed { raw.send(&batch, having: passed, memory: memory) }
            for index in 0..<batch.count where batch[index].verdict == .tooBig {
                _ = source.answer(memory.bytes(at: batch[index].start, count: batch[index].byteCount))
            }
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
