import CMachine
public import FastPath
import Glibc

/// Frames for packet paths to work in, and the way a pass goes over them.
///
/// Frames are filled 256 at a time outside the timed part, as a network card would write them: headers and tables are
/// then as warm as traffic leaves them, and no path finds a frame it has just worked on.
public struct FrameBed: ~Copyable {
    public static let batch = PacketBatch.defaultCapacity
    static let group = 4 * batch
    /// Bytes in front of a frame; where a card would put it.
    static let headroom = 128

    public let memory = FrameMemory(frameCount: group, frameStride: 2_240)

    public init() {}

    /// Puts packets `range` of the store into the frames 0, 1, ….
    private func load(_ frames: PacketStore.Frames, _ range: Range<Int>) {
        for index in range {
            var bytes = memory.mutableBytes(at: start(of: index - range.lowerBound), count: frames.frameByteCount)
            bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(frames.frame(index))) }
        }
    }

    private func start(of slot: Int) -> Int { slot * memory.frameStride + Self.headroom }

    /// Sends the first `limit` of `frames` through `path`; `body` sees the path after each batch, and how many packets
    /// were in it. Returns the ticks that deciding took, and for how many packets: a group of frames during which the
    /// kernel gave the processor to somebody else is not counted, unless that is all of them.
    @discardableResult @inline(__always)
    func pass<Path: PacketPath & ~Copyable>(
        _ frames: PacketStore.Frames, limit: Int = .max, batch: Int = Self.batch, through path: inout Path,
        then body: (borrowing Path, Int) -> Void = { _, _ in }
    ) -> (ticks: UInt64, packets: Int) {
        var all = (ticks: UInt64(0), packets: 0)
        var undisturbed = all
        let end = min(limit, frames.count)
        for first in stride(from: 0, to: end, by: Self.group) {
            let group = first..<min(first + Self.group, end)
            load(frames, group)
            var ticks: UInt64 = 0
            let switches = Self.contextSwitches()
            var slot = 0
            while slot < group.count {
                path.clear()
                let count = min(batch, group.count - slot)
                for offset in 0..<count {
                    path.append(Packet(start: start(of: slot + offset), byteCount: frames.frameByteCount))
                }
                let before = machine_ticks()
                path.process(in: memory)
                ticks &+= machine_ticks() &- before
                body(path, count)
                slot += count
            }
            all = (all.ticks &+ ticks, all.packets + group.count)
            if Self.contextSwitches() == switches {
                undisturbed = (undisturbed.ticks &+ ticks, undisturbed.packets + group.count)
            }
        }
        return undisturbed.packets > 0 ? undisturbed : all
    }

    /// How often this thread has lost its processor, or given it away.
    private static func contextSwitches() -> Int {
        var usage = rusage()
        // RUSAGE_THREAD, which Glibc's headers show to GNU sources only.
        getrusage(__rusage_who_t(1), &usage)
        return usage.ru_nvcsw + usage.ru_nivcsw
    }

    /// Makes the store's connections known to `path`: by their first segments where it verifies, and then checks that
    /// every packet was steered; by what their targets report where it only peeks and may write nothing itself.
    @inline(__always)
    func open<Path: PacketPath & ~Copyable>(
        _ store: PacketStore, _ verification: Contest.Verification, in path: inout Path
    ) {
        if verification == .peek {
            for connection in 0..<store.scenario.connections {
                path.learn(store.cluster.flow(of: connection), servedBy: Cluster.target(of: connection))
            }
            return
        }
        let before = path.steeredCount
        pass(store.openings, through: &path)
        let steered = path.steeredCount - before
        guard steered == store.openings.count else {
            fatalError("only \(steered) of \(store.openings.count) were steered")
        }
    }

    /// Opens a store's connections at a path that verifies, by their first segments.
    public func begin<Path: PacketPath & ~Copyable>(_ store: PacketStore, in path: inout Path) {
        open(store, .verified, in: &path)
    }

    /// By these first segments.
    public func begin<Path: PacketPath & ~Copyable>(_ openings: PacketStore.Frames, in path: inout Path) {
        let before = path.steeredCount
        pass(openings, through: &path)
        guard path.steeredCount - before == openings.count else { fatalError("not every connection was opened") }
    }

    /// One timed pass over packets that are new to `path`: ticks a packet. Traps unless every packet was steered.
    @inline(__always)
    func time<Path: PacketPath & ~Copyable>(_ store: PacketStore, through path: inout Path) -> Double {
        path.renewWindows()
        let before = path.steeredCount
        let counted = pass(store.frames, through: &path)
        let steered = path.steeredCount - before
        guard steered == store.frames.count else { fatalError("only \(steered) of \(store.frames.count) were steered") }
        return Double(counted.ticks) / Double(counted.packets)
    }

    /// One timed pass over frames that are new to `path`, so many at a time: ticks a packet. Traps unless every packet was
    /// steered, which for a host means opened or sealed.
    @inline(__always)
    public func time<Path: PacketPath & ~Copyable>(
        _ frames: PacketStore.Frames, batch: Int = Self.batch, through path: inout Path
    ) -> Double {
        path.renewWindows()
        let before = path.steeredCount
        let counted = pass(frames, batch: batch, through: &path)
        let done = path.steeredCount - before
        guard done == frames.count else { fatalError("only \(done) of \(frames.count) came through") }
        return Double(counted.ticks) / Double(counted.packets)
    }

    /// What becomes of each packet, as a number: equal when target, place and bytes are; 0 when it was not steered. Ends
    /// the run when a packet went elsewhere than to its connection's target: then the connection was not found, and what
    /// would be measured is the choice of a target.
    @inline(__always)
    func outcomes<Path: PacketPath & ~Copyable>(_ store: PacketStore, of path: inout Path) -> [UInt64] {
        var digests: [UInt64] = []
        digests.reserveCapacity(store.frames.count)
        path.renewWindows()
        pass(store.frames, through: &path) { path, count in
            for index in 0..<count {
                let packet = path.steered(index)
                let target = Cluster.target(of: store.connections[digests.count])
                if let packet, packet.target != target {
                    fatalError("packet \(digests.count) went to \(packet.target) and not to \(target)")
                }
                digests.append(digest(packet))
            }
        }
        return digests
    }

    /// FNV-1a over target, place and bytes; 0 for a packet that was not steered.
    private func digest(_ packet: (start: Int, byteCount: Int, target: Int)?) -> UInt64 {
        guard let packet else { return 0 }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }
        mix(UInt64(packet.target))
        mix(UInt64(packet.start))
        memory.bytes(at: packet.start, count: packet.byteCount).withUnsafeBytes { for byte in $0 { mix(UInt64(byte)) } }
        return hash | 1
    }
}

/// Ticks of the time stamp counter in a second, measured against the monotonic clock for a tenth of one.
public func tickRate() -> Double {
    let clock = ContinuousClock()
    let (start, ticks) = (clock.now, machine_ticks())
    while start.duration(to: clock.now) < .milliseconds(100) {}
    let elapsed = start.duration(to: clock.now)
    return Double(machine_ticks() - ticks) / (Double(elapsed.components.attoseconds) / 1e18)
}
