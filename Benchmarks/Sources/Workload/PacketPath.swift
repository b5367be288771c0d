public import FastPath

/// A packet path under measurement. Frames are in `FrameMemory`; a path decides over batches of 64 of them.
public protocol PacketPath: ~Copyable {
    /// Replay windows as at the start, so that the same packets are new again. Connections stay.
    mutating func renewWindows()
    /// Enters a connection that the target of index `target` serves, as that target would report it.
    mutating func learn(_ flow: Flow, servedBy target: Int)
    /// Empties the batch.
    mutating func clear()
    /// Puts a packet into the batch.
    mutating func append(_ packet: Packet)
    /// Decides over the batch and counts the verdicts: all that is timed.
    mutating func process(in memory: borrowing FrameMemory)
    /// Where packet `index` of the batch is now, and its target; nil unless it was steered.
    func steered(_ index: Int) -> (start: Int, byteCount: Int, target: Int)?
    /// Packets steered so far.
    var steeredCount: UInt64 { get }
}

/// The least power of two that is at least `count` and 64.
func capacity(for count: Int) -> Int {
    var power = 64
    while power < count { power *= 2 }
    return power
}
