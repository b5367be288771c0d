/// The frames of a `FrameMemory` that nobody uses: a stack, so that the frame given back last, which is still in the
/// cache, is the next to be taken. Its memory is taken once.
public struct FramePool: ~Copyable {
    private var free: Slab<UInt32>
    /// Frames in the pool.
    public private(set) var count = 0
    public let frameCount: Int
    public let frameStride: Int
    /// 2^64 / frameStride, rounded up: a multiplication in place of a division by a stride not known at compile time.
    private let reciprocal: UInt64
    #if DEBUG
        private var isOut: Slab<Bool>
    #endif

    /// A pool that holds every frame of a memory of `frameCount` frames, `frameStride` bytes apart. Traps when there
    /// are none, or when the memory would exceed 2^48 bytes.
    public init(frameCount: Int, frameStride: Int) {
        precondition(frameCount > 0 && frameStride > 1 && frameCount <= 1 << 32 && frameStride <= 1 << 16)
        self.frameCount = frameCount
        self.frameStride = frameStride
        reciprocal = UInt64.max / UInt64(frameStride) + 1
        free = Slab(repeating: 0, count: frameCount)
        #if DEBUG
            isOut = Slab(repeating: false, count: frameCount)
        #endif
        for index in 0..<frameCount { free[index] = UInt32(frameCount - 1 - index) }
        count = frameCount
    }

    /// The frame that holds the byte at `offset`. Traps when there is none.
    @inline(__always)
    func frame(at offset: Int) -> Int {
        // Exact while offset < 2^64 / frameStride, which init's bounds see to.
        let index = Int(UInt64(UInt(bitPattern: offset)).multipliedFullWidth(by: reciprocal).high)
        precondition(index < frameCount)
        return index
    }

    /// Offset of a frame's first byte in the memory; nil when all frames are in use.
    @inline(__always)
    public mutating func take() -> Int? {
        if count == 0 { return nil }
        count &-= 1
        let index = Int(free[count])
        #if DEBUG
            isOut[index] = true
        #endif
        return index &* frameStride
    }

    /// Takes back the frame that holds the byte at `offset`: wherever headers have moved a packet's start, it is still
    /// its own frame. Traps when more frames come back than there are, in debug builds when one comes back twice.
    @inline(__always)
    public mutating func give(_ offset: Int) {
        let index = frame(at: offset)
        #if DEBUG
            precondition(isOut[index], "frame \(index) was given back twice")
            isOut[index] = false
        #endif
        precondition(count < frameCount)
        free[count] = UInt32(truncatingIfNeeded: index)
        count &+= 1
    }
}
