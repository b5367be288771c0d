internal import CMachine
internal import Glibc

/// A table of plain values whose memory is taken once, at start: `count` elements, cache-line aligned, zeroed pages
/// first and then filled with `repeating`. Indexes are checked.
@safe struct Slab<Element: BitwiseCopyable>: ~Copyable {
    private let base: UnsafeMutablePointer<Element>
    let count: Int
    private let byteCount: Int
    /// A mapping of its own, without secrets.
    private let isMapped: Bool

    /// Traps when `count` is not positive or memory is short.
    init(repeating element: Element, count: Int) {
        precondition(count > 0)
        self.count = count
        byteCount = count * MemoryLayout<Element>.stride
        isMapped = false
        var memory: UnsafeMutableRawPointer?
        // 64 bytes are a power of two and a multiple of a pointer's size, as posix_memalign wants.
        let failure = unsafe posix_memalign(&memory, 64, byteCount)
        guard failure == 0, let memory = unsafe memory else {
            fatalError("no memory for a table of \(byteCount) bytes")
        }
        // The memory holds count elements and is ours until deinit.
        unsafe base = memory.bindMemory(to: Element.self, capacity: count)
        unsafe base.initialize(repeating: element, count: count)
    }

    /// Elements of zero bytes, which must be a value: pages that nobody writes to take no memory of the machine. Not for
    /// secrets: nothing is wiped. Traps when `count` is not positive or address space is short.
    init(zeroed count: Int) {
        precondition(count > 0)
        self.count = count
        byteCount = count * MemoryLayout<Element>.stride
        isMapped = true
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let mapping = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            fatalError("no memory for a table of \(byteCount) bytes (errno \(errno))")
        }
        // The mapping is page-aligned, holds count elements, all bytes zero, and is ours until deinit.
        unsafe base = mapping.bindMemory(to: Element.self, capacity: count)
    }

    deinit {
        if isMapped {
            // Mapped in init, reachable only through us.
            unsafe _ = munmap(base, byteCount)
            return
        }
        // Tables hold keys, too: nothing of them outlives the table.
        unsafe machine_wipe(base, byteCount)
        unsafe free(base)
    }

    /// Traps when `index` is out of range.
    @inline(__always)
    subscript(index: Int) -> Element {
        // In range by the precondition; the memory is initialized throughout.
        @_transparent unsafeAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe UnsafePointer(base + index)
        }
        @_transparent unsafeMutableAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe base + index
        }
    }

    /// Differs, as good as surely, when any byte of the table does; good for one run of the process. For tests of what must
    /// not change.
    func digest() -> Int {
        var hasher = Hasher()
        // All byteCount bytes are initialized, and nobody writes during the call.
        unsafe hasher.combine(bytes: UnsafeRawBufferPointer(start: base, count: byteCount))
        return hasher.finalize()
    }

    /// Asks for the first cache line of an element; a hint, but the index must be in range.
    @inline(__always)
    func prefetch(_ index: Int) {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        unsafe machine_prefetch(base + index)
    }

    /// The table as a local value for the length of one loop. The compiler must take any store for one that may change a
    /// table's own fields, and would load and check them again after each; a local it keeps.
    ///
    /// Valid while the table is: a view is taken by a stage, used, and forgotten when the stage returns.
    @inline(__always)
    var view: SlabView<Element> { unsafe SlabView(base: base, count: count) }

    /// A pointer to an element, for C. It must not outlive the call it is made for. Traps when out of range.
    @unsafe @inline(__always)
    func pointer(to index: Int) -> UnsafeMutablePointer<Element> {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        return unsafe base + index
    }
}

/// A `Slab` for the length of one loop: see `Slab.view`. Indexes are checked as the table's own are.
@safe struct SlabView<Element: BitwiseCopyable>: BitwiseCopyable {
    private let base: UnsafeMutablePointer<Element>
    let count: Int

    @unsafe @inline(__always)
    fileprivate init(base: UnsafeMutablePointer<Element>, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    /// Traps when `index` is out of range.
    @inline(__always)
    subscript(index: Int) -> Element {
        // In range by the precondition; the memory is initialized throughout, and the table outlives the view.
        @_transparent unsafeAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe UnsafePointer(base + index)
        }
        @_transparent nonmutating unsafeMutableAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe base + index
        }
    }

    /// Asks for the first cache line of an element; a hint, but the index must be in range.
    @inline(__always)
    func prefetch(_ index: Int) {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        // In range.
        unsafe machine_prefetch(base + index)
    }
}
