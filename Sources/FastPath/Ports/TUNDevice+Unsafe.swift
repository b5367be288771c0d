internal import CBPF
internal import Glibc

/// A TUN device: what the host's own TCP/IP sends into it is read here, what is written here arrives in the host.
/// Packets begin at the IP header. It goes away with the value; addresses and routes are the control plane's.
///
/// The host hands over TCP in pieces of up to 64 KiB, which are cut into segments here, and takes segments that were joined
/// here (docs/tun.md): a system call for many segments instead of one for each.
@safe public struct TUNDevice: ~Copyable {
    /// As the kernel has it.
    public let name: String
    private let descriptor: FileDescriptor
    private var tooLongCount: UInt64 = 0
    private var splitCount: UInt64 = 0
    private var joinedCount: UInt64 = 0
    private var malformedCount: UInt64 = 0
    private var refusals = SendRefusals()

    /// What was read last: the header and a packet.
    private let piece = FrameMemory(frameCount: 1, frameStride: VirtualNetHeader.byteCount + 65_536)
    private var pieceByteCount = 0
    /// Of the piece, while it is not all cut.
    private var splitter: SegmentSplitter?

    /// Of the batch that is being written: by the packets' places.
    private var segments: Slab<JoinableSegment>
    private var isDone: Slab<Bool>
    /// The place of the first of its run, in the batch.
    private var run: Slab<Int32>
    private var vectors: Slab<iovec>
    private let header = FrameMemory(frameCount: 1, frameStride: 64)
    private let joins: Bool

    /// The longest batch that `write` takes at once; of a longer one it takes one part after the other.
    private static let writeCapacity = 256

    /// Opens a device called `name`, or, when nil, one with a name of the kernel's choice (tun0, tun1, ...). "%d" in
    /// the name becomes the first free number. The device is down until somebody sets it up.
    ///
    /// - Parameter offload: false: the host hands over and takes segments one by one.
    public init(name: String? = nil, offload: Bool = true) throws(PortFailure) {
        let wanted = name ?? ""
        guard wanted.utf8.count < Int(IFNAMSIZ), !wanted.utf8.contains(0) else {
            throw PortFailure("\(wanted): an interface's name has at most \(IFNAMSIZ - 1) bytes")
        }
        var characters = [CChar](repeating: 0, count: Int(IFNAMSIZ))
        for (index, byte) in wanted.utf8.enumerated() { characters[index] = CChar(bitPattern: byte) }
        // IFNAMSIZ bytes that end with a 0, before and after the call.
        let opened = unsafe cbpf_open_tun(&characters, offload ? 1 : 0)
        guard opened >= 0 else { throw PortFailure("opening TUN device \(wanted)", errno: opened) }
        descriptor = FileDescriptor(owning: opened)
        self.name = String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        joins = offload
        segments = Slab(repeating: JoinableSegment(), count: Self.writeCapacity)
        isDone = Slab(repeating: false, count: Self.writeCapacity)
        run = Slab(repeating: 0, count: Self.writeCapacity)
        // Numbers and pointers, set before each call.
        unsafe vectors = Slab(repeating: iovec(), count: Self.writeCapacity + 1)
    }

    /// For poll; it is not blocking.
    public var fileDescriptor: Int32 { descriptor.number }

    /// A piece of the host's is not all cut yet, for want of room: `receive` has more though the descriptor has not.
    public var hasMore: Bool { splitter != nil }

    // MARK: From the host

    /// Appends what the host sends, up to the batch's and the pool's room. Each packet has `HostRoom` around it. One that
    /// leaves no such room in its frame is dropped and counted.
    public mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        let room = memory.frameStride - HostRoom.front - HostRoom.back
        while batch.room > 0, let frame = pool.take() {
            let byteCount = next(memory, at: frame + HostRoom.front, room: room)
            guard byteCount > 0 else { return pool.give(frame) }
            batch.append(Packet(start: frame + HostRoom.front, byteCount: byteCount))
        }
    }

    /// Bytes of the next packet, which lies at `start` then; 0 when there is none.
    private mutating func next(_ memory: borrowing FrameMemory, at start: Int, room: Int) -> Int {
        while true {
            if let byteCount = nextSegment(memory, at: start, room: room) { return byteCount }
            // The piece's own memory, used during the call only.
            let count = unsafe read(descriptor.number, piece.pointer(at: 0, count: piece.byteCount), piece.byteCount)
            guard count > 0 else { return 0 }
            pieceByteCount = count - VirtualNetHeader.byteCount
            let byteCount = begin(memory, at: start, room: room)
            if byteCount > 0 { return byteCount }
        }
    }

    /// nil when the piece is all cut.
    private mutating func nextSegment(_ memory: borrowing FrameMemory, at start: Int, room: Int) -> Int? {
        guard var splitter else { return nil }
        let frames = piece.view
        let packet = frames.bytes(at: VirtualNetHeader.byteCount, count: pieceByteCount)
        let byteCount = splitter.nextByteCount
        guard byteCount <= room else {
            self.splitter = nil
            tooLongCount &+= 1
            return nil
        }
        var segment = memory.mutableBytes(at: start, count: byteCount)
        splitter.next(from: packet, to: &segment)
        splitCount &+= 1
        self.splitter = splitter.isDone ? nil : splitter
        return byteCount
    }

    /// Looks at a piece that was just read. 0: it is to be split, or is dropped.
    private mutating func begin(_ memory: borrowing FrameMemory, at start: Int, room: Int) -> Int {
        let frames = piece.view
        guard pieceByteCount > 0,
            let header = VirtualNetHeader(reading: frames.bytes(at: 0, count: VirtualNetHeader.byteCount))
        else {
            malformedCount &+= 1
            return 0
        }
        let packet = frames.bytes(at: VirtualNetHeader.byteCount, count: pieceByteCount)
        if header.segmentation != VirtualNetHeader.Segmentation.none {
            splitter = SegmentSplitter(packet, header)
            if splitter == nil { malformedCount &+= 1 }
            return 0
        }
        guard packet.byteCount <= room else {
            tooLongCount &+= 1
            return 0
        }
        // Both in their memories, by the checks of `pointer`; they do not overlap.
        unsafe memory.pointer(at: start, count: packet.byteCount).copyMemory(
            from: piece.pointer(at: VirtualNetHeader.byteCount, count: packet.byteCount), byteCount: packet.byteCount)
        var copy = memory.mutableBytes(at: start, count: packet.byteCount)
        if header.needsChecksum && !SegmentSplitter.finishChecksum(of: &copy, header) {
            malformedCount &+= 1
            return 0
        }
        return copy.byteCount
    }

    // MARK: To the host

    /// Gives the host the packets whose verdict delivers; those that it does not take become `transmitQueueFull`, and
    /// `statistics` says why. Segments of one connection go in their order, and where they fit together in one piece: then
    /// the first one's headers are those of the piece.
    public mutating func write(_ batch: inout PacketBatch, from memory: borrowing FrameMemory) {
        var first = 0
        while first < batch.count {
            let end = min(first + Self.writeCapacity, batch.count)
            write(&batch, first..<end, from: memory)
            first = end
        }
    }

    /// Gives one IP packet to the host, as it is. False when the host did not take it; `statistics` says why.
    public mutating func write(_ packet: RawSpan) -> Bool {
        var bytes = header.mutableBytes(at: 0, count: VirtualNetHeader.byteCount)
        VirtualNetHeader().write(to: &bytes)
        // The span's bytes, used during the call only, and ten of ours.
        let written = unsafe packet.withUnsafeBytes { packet in
            unsafe vectors[0] = iovec(
                iov_base: header.pointer(at: 0, count: VirtualNetHeader.byteCount),
                iov_len: VirtualNetHeader.byteCount)
            unsafe vectors[1] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: packet.baseAddress), iov_len: packet.count)
            return unsafe writev(descriptor.number, vectors.pointer(to: 0), 2)
        }
        if written > 0 { return true }
        refusals.count(errno)
        return false
    }

    private mutating func write(_ batch: inout PacketBatch, _ range: Range<Int>, from memory: borrowing FrameMemory) {
        for index in range {
            let delivers = batch[index].verdict.delivers
            isDone[index - range.lowerBound] = !delivers
            run[index - range.lowerBound] = Int32(truncatingIfNeeded: index)
            if delivers && joins {
                let packet = memory.bytes(at: batch[index].start, count: batch[index].byteCount)
                segments[index - range.lowerBound] = JoinableSegment(reading: packet)
            }
        }
        for index in range where !isDone[index - range.lowerBound] {
            let head = batch[index]
            var vectorCount = 1
            // In the batch's memory (checked), used before the frames are given back.
            unsafe vectors[1] = iovec(
                iov_base: memory.pointer(at: head.start, count: head.byteCount), iov_len: head.byteCount)
            var header = VirtualNetHeader()
            if joins && segments[index - range.lowerBound].isJoinable {
                header = join(index, range, batch, memory, &vectorCount)
            }
            var bytes = self.header.mutableBytes(at: 0, count: VirtualNetHeader.byteCount)
            header.write(to: &bytes)
            // Ten bytes of ours, and vectors 1 to vectorCount as set.
            unsafe vectors[0] = iovec(
                iov_base: self.header.pointer(at: 0, count: VirtualNetHeader.byteCount),
                iov_len: VirtualNetHeader.byteCount)
            let written = unsafe writev(descriptor.number, vectors.pointer(to: 0), Int32(vectorCount + 1))
            if written < 0 { refuse(&batch, index, range, errno) }
            isDone[index - range.lowerBound] = true
        }
    }

    /// Marks the packets behind `first` that went with it as done, and adds their payloads to `vectors`. What is not joined
    /// gets an empty header and stays one packet.
    private mutating func join(
        _ first: Int, _ range: Range<Int>, _ batch: borrowing PacketBatch, _ memory: borrowing FrameMemory,
        _ vectorCount: inout Int
    ) -> VirtualNetHeader {
        let segment = segments[first - range.lowerBound]
        let head = memory.bytes(at: batch[first].start, count: batch[first].byteCount)
        var joiner = SegmentJoiner(segment)
        var isAsked = false
        for index in first + 1..<max(range.upperBound, first + 1) where !isDone[index - range.lowerBound] {
            if joiner.isComplete { break }
            let next = segments[index - range.lowerBound]
            // Whose this is, nobody knows: it might be the connection's.
            guard next.hasFlow else { break }
            guard next.isSameFlow(as: segment) else { continue }
            let packet = memory.bytes(at: batch[index].start, count: batch[index].byteCount)
            if !isAsked {
                isAsked = true
                guard segment.isWhole(head) else { break }
            }
            guard next.isJoinable, next.isWhole(packet), joiner.join(next, packet, behind: head) else { break }
            vectorCount += 1
            // Behind the headers, inside the packet: both were read from it.
            unsafe vectors[vectorCount] = iovec(
                iov_base: memory.pointer(at: batch[index].start + next.headerByteCount, count: next.payloadByteCount),
                iov_len: next.payloadByteCount)
            isDone[index - range.lowerBound] = true
            run[index - range.lowerBound] = Int32(truncatingIfNeeded: first)
        }
        guard joiner.count > 1 else { return VirtualNetHeader() }
        joinedCount &+= UInt64(joiner.count)
        var bytes = memory.mutableBytes(at: batch[first].start, count: segment.headerByteCount)
        return joiner.finish(&bytes)
    }

    /// The run that begins at `first`.
    private mutating func refuse(_ batch: inout PacketBatch, _ first: Int, _ range: Range<Int>, _ code: Int32) {
        for index in first..<range.upperBound
        where run[index - range.lowerBound] == Int32(truncatingIfNeeded: first) && batch[index].verdict.delivers {
            batch[index].verdict = .transmitQueueFull
            refusals.count(code)
        }
    }

    /// What was dropped, by reason; segments that were cut out of pieces, and that were joined to some.
    public func statistics() -> [String: UInt64] {
        refusals.snapshot().merging([
            "frame_too_long": tooLongCount, "malformed_piece": malformedCount, "segments_split": splitCount,
            "segments_joined": joinedCount,
        ]) { $1 }
    }
}
