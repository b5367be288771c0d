internal import CMachine
internal import Glibc

/// The memory in which frames live: one region, registered with AF_XDP as the UMEM where there is one. A frame is an
/// offset and a length in it and never moves; headers are written into the room in front of it.
///
/// Every access is checked against the region's bounds. That a frame's bytes belong to one packet at a time is the
/// port's promise: it hands a frame out once and takes it back once (see `FramePool`).
@safe public struct FrameMemory: ~Copyable {
    private let base: UnsafeMutableRawPointer
    public let byteCount: Int
    /// Bytes from one frame to the next.
    public let frameStride: Int

    /// Page-aligned, zeroed memory for `frameCount` frames. Traps when the kernel has none: it is asked for once, at start.
    ///
    /// A stride that is a power of two puts all headers into the same few cache sets; in memory of our own 2,240 bytes
    /// avoid that (measured, docs/speed.md). AF_XDP's aligned chunks must be a power of two.
    public init(frameCount: Int, frameStride: Int) {
        precondition(frameCount > 0 && frameStride >= 64)
        self.frameStride = frameStride
        byteCount = frameCount * frameStride
        // A private anonymous mapping of exactly byteCount bytes, unmapped in deinit and reachable only through us.
        let mapping = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            fatalError("no memory for \(frameCount) frames of \(frameStride) bytes (errno \(errno))")
        }
        unsafe base = mapping
    }

    deinit {
        // The mapping made in init; nobody holds a span into it any more, since spans borrow us.
        unsafe _ = munmap(base, byteCount)
    }

    public var frameCount: Int { byteCount / frameStride }

    /// The bytes of (part of) a frame. Traps when they do not lie inside the memory.
    @inline(__always)
    @_lifetime(borrow self)
    public func bytes(at offset: Int, count: Int) -> RawSpan {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        // In bounds by the line above; the span borrows self, which keeps the mapping.
        let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base + offset), byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The bytes of (part of) a frame, for writing. Traps when they do not lie inside the memory.
    ///
    /// The region is shared by all frames, so this borrows where a container would ask for exclusive access; frames are
    /// disjoint and each belongs to one packet of one worker.
    @inline(__always)
    @_lifetime(borrow self)
    public func mutableBytes(at offset: Int, count: Int) -> MutableRawSpan {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        // In bounds by the line above; the span borrows self, which keeps the mapping.
        let span = unsafe MutableRawSpan(_unsafeStart: base + offset, byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The memory as a local value for the length of one loop: see `Slab.view`.
    @inline(__always)
    var view: FrameView { unsafe FrameView(base: base, byteCount: byteCount) }

    /// A pointer to a frame's bytes, for C: ciphers, rings, system calls. It must not outlive the call it is made for.
    /// Traps when the bytes do not lie inside the memory.
    @unsafe @inline(__always)
    func pointer(at offset: Int, count: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        return unsafe base + offset
    }

    /// Asks for the cache line at `offset`; a hint, any offset is allowed.
    @inline(__always)
    func prefetch(at offset: Int) {
        // A prefetch never faults, and wrapping arithmetic makes any address.
        unsafe machine_prefetch(
            UnsafeRawPointer(bitPattern: UInt(bitPattern: base) &+ UInt(bitPattern: offset)) ?? UnsafeRawPointer(base))
    }
}

/// A `FrameMemory` for the length of one loop: valid while the memory is, taken by a stage and forgotten when it returns.
@safe struct FrameView: BitwiseCopyable {
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int

    @unsafe @inline(__always)
    fileprivate init(base: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.base = base
        self.byteCount = byteCount
    }

    /// As `FrameMemory.bytes`.
    @inline(__always)
    @_lifetime(borrow self)
    func bytes(at offset: Int, count: Int) -> RawSpan {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        // In bounds by the line above; the memory outlives the view.
        let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base + offset), byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// As `FrameMemory.mutableBytes`.
    @inline(__always)
    @_lifetime(borrow self)
    func mutableBytes(at offset: Int, count: Int) -> MutableRawSpan {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        // In bounds by the line above; the memory outlives the view.
        let span = unsafe MutableRawSpan(_unsafeStart: base + offset, byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// As `FrameMemory.pointer`.
    @unsafe @inline(__always)
    func pointer(at offset: Int, count: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        return unsafe base + offset
    }

    /// As `FrameMemory.prefetch`.
    @inline(__always)
    func prefetch(at offset: Int) {
        // A prefetch never faults; the offset is a frame's.
        unsafe machine_prefetch(base.advanced(by: offset))
    }
}
