internal import Glibc
internal import Synchronization
internal import Wire

/// What the workers of one router have in common, and all of it: who owns which group of SAs, and the rings over which they
/// hand frames to one another (docs/workers.md). No lock; nothing is allocated after `init`.
///
/// A ring has one producer and one consumer, and an order:
///
///     from 0 to 1:  | length 8 | frame ... 2,296 |  1,024 of these; `written` and `freed` count on, their difference is what waits
///
/// `@unchecked Sendable`: what is shared is atomic, and a slot's bytes belong to the producer until it has published them, then
/// to the consumer until it has freed them.
@safe public final class WorkerCrew: @unchecked Sendable {
    public let count: Int
    /// Groups of SAs that there is room for.
    public let groupCapacity: Int

    /// By group: a worker, `nobody` or `retired`.
    private let owners: UnsafeMutablePointer<Atomic<UInt8>>
    /// By ring, 24 words on three cache lines.
    private let indexes: UnsafeMutablePointer<Atomic<UInt64>>
    /// By worker: it sleeps, or is about to.
    private let sleeping: UnsafeMutablePointer<Atomic<Bool>>
    /// By worker: a pipe's reading end, then its writing end.
    private let bells: [Int32]
    private let memory: FrameMemory
    private let hash = TableHash()

    /// No verified packet has come in under any of its SAs.
    static let nobody: UInt8 = 255
    /// Its SAs are gone, and perhaps not from every worker's table yet.
    static let retired: UInt8 = 254
    public static let maximumCount = 64
    /// Frames that may wait in a ring: 1,024, and fewer among many workers, whose rings are as many as their pairs.
    public let ringCapacity: Int
    private static let prefixByteCount = 8
    /// 64 bytes more than a power of two: see `FrameMemory.init`.
    private static let slotStride = 2048 + 256
    static let longestFrame = slotStride - prefixByteCount

    private static let written = 0, freed = 8, filled = 16, freedBefore = 17, wordsPerRing = 24

    /// Traps when there are fewer than two workers or more than 64, or the machine is out of memory or descriptors.
    public init(count: Int, groupCapacity: Int) {
        precondition((2...Self.maximumCount).contains(count) && groupCapacity > 0)
        self.count = count
        self.groupCapacity = groupCapacity
        let rings = count * (count - 1)
        let ringCapacity = min(1024, max(64, 16_384 / rings))
        self.ringCapacity = ringCapacity
        // All of it is initialized here and freed in deinit.
        unsafe owners = .allocate(capacity: groupCapacity)
        for group in 0..<groupCapacity { unsafe (owners + group).initialize(to: Atomic(Self.nobody)) }
        unsafe indexes = .allocate(capacity: rings * Self.wordsPerRing)
        for word in 0..<rings * Self.wordsPerRing { unsafe (indexes + word).initialize(to: Atomic(0)) }
        unsafe sleeping = .allocate(capacity: count)
        for worker in 0..<count { unsafe (sleeping + worker).initialize(to: Atomic(false)) }
        memory = FrameMemory(frameCount: rings * ringCapacity, frameStride: Self.slotStride)
        bells = (0..<count).flatMap { _ in
            var ends: [Int32] = [-1, -1]
            // The kernel writes two descriptors into the array of two.
            guard unsafe pipe(&ends) == 0 else { fatalError("no pipe for a worker (errno \(errno))") }
            for end in ends {
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            }
            return ends
        }
    }

    deinit {
        for descriptor in bells { _ = close(descriptor) }
        // Made in init; nobody holds the crew any more. Atomics of plain numbers need no deinitializing.
        unsafe owners.deallocate()
        unsafe indexes.deallocate()
        unsafe sleeping.deallocate()
    }

    // MARK: Owners

    /// The worker that owns a group, or `nobody` or `retired`. Traps when there is no such group.
    @inline(__always)
    func ownerWord(of group: Int) -> UInt8 {
        precondition(group >= 0 && group < groupCapacity)
        // In range by the line above.
        return unsafe owners[group].load(ordering: .acquiring)
    }

    /// nil while nobody owns it.
    public func owner(of group: Int) -> Int? {
        let word = ownerWord(of: group)
        return word < Self.retired ? Int(word) : nil
    }

    /// Makes a group `worker`'s unless it is somebody's. Returns whose it is now: `retired` stays so.
    @discardableResult
    func claim(_ group: Int, by worker: Int) -> UInt8 {
        precondition(group >= 0 && group < groupCapacity && worker >= 0 && worker < count)
        // In range by the line above.
        let result = unsafe owners[group].compareExchange(
            expected: Self.nobody, desired: UInt8(worker), ordering: .acquiringAndReleasing)
        return result.exchanged ? UInt8(worker) : result.original
    }

    func setOwner(of group: Int, _ word: UInt8) {
        precondition(group >= 0 && group < groupCapacity)
        // In range by the line above.
        unsafe owners[group].store(word, ordering: .releasing)
    }

    /// Who joins the fragments of a sender: always the same worker, so that one bucket of one worker is all that a sender has.
    func joiner(ofSender sender: UInt64) -> Int {
        Int(truncatingIfNeeded: hash(sender).multipliedFullWidth(by: UInt64(count)).high)
    }

    // MARK: Rings

    private func ring(from: Int, to: Int) -> Int {
        precondition(from != to && from >= 0 && from < count && to >= 0 && to < count)
        return from * (count - 1) + (to < from ? to : to - 1)
    }

    private func slot(_ ring: Int, _ number: UInt64) -> Int {
        (ring * ringCapacity + Int(truncatingIfNeeded: number % UInt64(ringCapacity))) * Self.slotStride
    }

    /// Puts a copy of a frame into the ring, which `publish` shows to the other end. False when there is no room, or the frame is
    /// longer than any that a port receives. Called by worker `from` alone.
    func offer(_ frame: RawSpan, from: Int, to: Int) -> Bool {
        let ring = ring(from: from, to: to)
        // A ring of ours, by `ring`'s precondition.
        let words = unsafe indexes + ring * Self.wordsPerRing
        let next = unsafe words[Self.filled].load(ordering: .relaxed)
        var free = unsafe words[Self.freedBefore].load(ordering: .relaxed)
        if next &- free >= UInt64(ringCapacity) {
            free = unsafe words[Self.freed].load(ordering: .acquiring)
            unsafe words[Self.freedBefore].store(free, ordering: .relaxed)
        }
        guard next &- free < UInt64(ringCapacity), frame.byteCount <= Self.longestFrame else { return false }
        let place = slot(ring, next)
        // The memory is ours until deinit.
        let memory = memory.view
        var prefix = memory.mutableBytes(at: place, count: Self.prefixByteCount)
        prefix.storeBigEndian(UInt32(frame.byteCount), at: 0)
        var room = memory.mutableBytes(at: place + Self.prefixByteCount, count: frame.byteCount)
        frame.copy(to: &room)
        unsafe words[Self.filled].store(next &+ 1, ordering: .relaxed)
        return true
    }

    /// Shows what was put into the ring to its consumer, and wakes it. Called by worker `from` alone.
    func publish(from: Int, to: Int) {
        // A ring of ours, by `ring`'s precondition.
        let words = unsafe indexes + ring(from: from, to: to) * Self.wordsPerRing
        let filled = unsafe words[Self.filled].load(ordering: .relaxed)
        guard unsafe words[Self.written].load(ordering: .relaxed) != filled else { return }
        // Either we see that it sleeps, or it sees these frames before it does: both are in one order with `prepareToSleep`.
        unsafe words[Self.written].store(filled, ordering: .sequentiallyConsistent)
        // In range by `ring`'s precondition.
        guard unsafe sleeping[to].load(ordering: .sequentiallyConsistent) else { return }
        // One byte of an array of one.
        unsafe _ = write(bells[2 * to + 1], [1], 1)
    }

    /// Takes frames that worker `from` handed to `worker` into frames of its port, while the batch has fewer than `limit`.
    /// Returns how many. Called by `worker` alone.
    func take<Port: FramePort & ~Copyable>(
        from: Int, by worker: Int, into batch: inout PacketBatch, limit: Int, port: inout Port
    ) -> Int {
        let ring = ring(from: from, to: worker)
        // A ring of ours, by `ring`'s precondition.
        let words = unsafe indexes + ring * Self.wordsPerRing
        let first = unsafe words[Self.freed].load(ordering: .relaxed)
        let end = unsafe words[Self.written].load(ordering: .acquiring)
        var next = first
        // The memory is ours until deinit.
        let memory = memory.view
        while next != end, batch.count < limit, port.lend(to: &batch) {
            let place = slot(ring, next)
            let count = Int(memory.bytes(at: place, count: Self.prefixByteCount).bigEndian32(at: 0))
            let at = batch.count - 1
            Self.copy(
                memory.bytes(at: place + Self.prefixByteCount, count: count), to: port.memory, at: batch[at].start)
            batch[at].byteCount = count
            next &+= 1
        }
        if next != first { unsafe words[Self.freed].store(next, ordering: .releasing) }
        return Int(next &- first)
    }

    private static func copy(_ frame: RawSpan, to memory: borrowing FrameMemory, at start: Int) {
        var room = memory.mutableBytes(at: start, count: frame.byteCount)
        frame.copy(to: &room)
    }

    // MARK: Sleep

    /// A descriptor that is readable when somebody has handed something to the worker that sleeps.
    func bell(of worker: Int) -> Int32 { bells[2 * worker] }

    /// Says that `worker` sleeps from now on; false, and nothing said, when something waits for it. Then `wakeUp` is due.
    func prepareToSleep(_ worker: Int) -> Bool {
        precondition(worker >= 0 && worker < count)
        // In range by the line above; the rings by `ring`'s precondition.
        unsafe sleeping[worker].store(true, ordering: .sequentiallyConsistent)
        for from in 0..<count where from != worker {
            let words = unsafe indexes + ring(from: from, to: worker) * Self.wordsPerRing
            let written = unsafe words[Self.written].load(ordering: .sequentiallyConsistent)
            let freed = unsafe words[Self.freed].load(ordering: .relaxed)
            guard written == freed else {
                unsafe sleeping[worker].store(false, ordering: .relaxed)
                return false
            }
        }
        return true
    }

    func wakeUp(_ worker: Int) {
        precondition(worker >= 0 && worker < count)
        // In range by the line above.
        unsafe sleeping[worker].store(false, ordering: .relaxed)
        var rings = [UInt8](repeating: 0, count: 64)
        // At most the array's length; the pipe never makes us wait.
        unsafe _ = read(bells[2 * worker], &rings, rings.count)
    }
}
