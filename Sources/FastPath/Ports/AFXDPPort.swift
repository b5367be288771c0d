internal import CBPF
internal import Glibc
public import Wire

/// The router's port on AF_XDP: ESP for our addresses comes from the client's interface past the kernel's stack, and
/// leaves by the trusted interface from the same memory. Everything else stays with the kernel.
///
/// In the memory a frame looks so, the packet's start moving left as headers are put in front:
///
///     |<-------------- frameStride -------------->|
///     | 256 bytes of headroom | packet | tailroom |
///
/// A device that takes VLAN tags out of frames hides them from AF_XDP, and with them that a packet is not for the
/// untagged network: `ethtool -K DEV rxvlan off` (of a veth pair: `txvlan off` at the other end).
///
/// One thread uses it; each frame is in exactly one of four places, which debug builds count: the pool, with the kernel
/// to be received into, in a batch, with the kernel to be sent.
public struct AFXDPPort: ~Copyable, FramePort {
    // The program goes first: the kernel has the packets again before the sockets are gone; the memory goes last.
    /// nil where another worker's port has it.
    private let program: SteeringProgram?
    private let socketMap: Int32
    private var umem: SharedUMEM
    public let memory: FrameMemory
    private var pool: FramePool
    private var polls: Slab<pollfd>
    public let summary: String
    /// Bytes of the longest frame that can be received with the tailroom behind it.
    private let longestReceived: Int
    /// Bytes of the longest frame that the trusted interface sends.
    private let longestSent: Int
    private var nextQueue = 0

    /// Of each queue: frames that the kernel has to receive into, or has received and we have not taken yet.
    private var receivingCounts: Slab<Int>
    /// Frames that a queue may have of them, so that an idle queue does not keep those that a busy one needs.
    private let receivingShare: Int
    /// Frames that stay with the trusted interface's receive queue 0.
    private var trustedReceivingCount = 0
    private var heldCount = 0
    private var transmittingCount = 0
    private var tooLongCount: UInt64 = 0
    private var wakeupCount: UInt64 = 0

    /// Where the kernel puts a packet in its frame (XDP_PACKET_HEADROOM).
    static let headroom = 256
    /// Entries in each ring.
    public static let ringSize = 2048

    /// Opens the port, without copying between driver and memory where both drivers can, with copies otherwise.
    ///
    /// - Parameters:
    ///   - ownedAddresses: the DVIPAs and tunnel endpoints to begin with.
    ///   - frameCount: frames in the memory; at least 1,024 for each receive queue and as many to send.
    ///     nil: as many, and no fewer than 8,192.
    ///   - frameStride: bytes of a frame, 2,048 to 4,096. One that is not a power of two needs unaligned chunks, which
    ///     are used in copy mode only.
    ///   - workers: that share the interfaces. This is the first one's port, with the first of the client's receive queues;
    ///     see `init(beside:...)` for the others. `PortRoom` knows how many there may be.
    public init(
        clientInterface: String, trustedInterface: String, ownedAddresses: [IPAddress], frameCount: Int? = nil,
        frameStride: Int = 2048, workers: Int = 1
    ) throws(PortFailure) {
        var client = try NetworkInterface(clientInterface)
        let trusted = try NetworkInterface(trustedInterface)
        // What is wrong is said before anything is touched.
        var queues = PortRoom.queues(of: 0, of: workers, among: client.receiveQueues)
        _ = try Self.check(client, trusted, queues, frameCount, frameStride)
        // The program first: it passes everything until a socket is there and an address owned.
        var program = try SteeringProgram.attach(to: client)
        // Some drivers (virtio-net) give an interface that has a program more queues, and receive on all of them.
        client = try NetworkInterface(clientInterface)
        queues = PortRoom.queues(of: 0, of: workers, among: client.receiveQueues)
        let frameCount = try Self.check(client, trusted, queues, frameCount, frameStride)
        let memory = FrameMemory(frameCount: frameCount, frameStride: frameStride)
        let umem = try Self.bind(memory: memory, client: client, queues: queues, trusted: trusted, program: &program)
        for queue in 0..<queues.count {
            try program.connect(socket: umem.descriptor(ofQueue: queue), to: queues.lowerBound + queue)
        }
        for address in ownedAddresses { try program.own(address) }
        let (mode, socketMap) = (program.mode, program.socketMap)
        self.init(
            program: program, mode: mode, socketMap: socketMap, umem: umem, memory: memory, client: client,
            trusted: trusted,
            longestReceived: frameStride - Self.headroom - Tailroom.byteCount)
    }

    /// The port of another worker: its share of the receive queues, a queue of its own to send on, and memory of its own, under
    /// the program of the `first` worker's port, which must outlive it.
    public init(
        beside first: borrowing AFXDPPort, clientInterface: String, trustedInterface: String, worker: Int,
        of workers: Int
    ) throws(PortFailure) {
        let client = try NetworkInterface(clientInterface)
        let trusted = try NetworkInterface(trustedInterface)
        let queues = PortRoom.queues(of: worker, of: workers, among: client.receiveQueues)
        let stride = first.memory.frameStride
        let frameCount = try Self.check(client, trusted, queues, nil, stride)
        let socketMap = first.socketMap
        let memory = FrameMemory(frameCount: frameCount, frameStride: stride)
        let umem = try SharedUMEM.open(
            memory: memory, client: client, queues: queues, trusted: trusted, trustedQueue: worker,
            copying: first.umem.copying, ringSize: Self.ringSize)
        for queue in 0..<queues.count {
            try SteeringProgram.connect(
                socket: umem.descriptor(ofQueue: queue), to: queues.lowerBound + queue, through: socketMap)
        }
        self.init(
            program: nil, mode: "the first worker's program", socketMap: socketMap, umem: umem, memory: memory,
            client: client,
            trusted: trusted, longestReceived: stride - Self.headroom - Tailroom.byteCount)
    }

    /// The number of frames that it takes.
    private static func check(
        _ client: NetworkInterface, _ trusted: NetworkInterface, _ queues: Range<Int>, _ frameCount: Int?,
        _ frameStride: Int
    ) throws(PortFailure) -> Int {
        guard client.index != trusted.index else {
            throw PortFailure("AF_XDP needs two interfaces; \(client.name) is the client's and the trusted one")
        }
        guard (2048...4096).contains(frameStride) else {
            throw PortFailure("frames of \(frameStride) bytes: AF_XDP takes 2048 to 4096")
        }
        let needed = 1024 * (queues.count + 1)
        let frameCount = frameCount ?? max(8192, needed)
        guard frameCount >= needed else {
            throw PortFailure("\(frameCount) frames: \(queues.count) receive queues need \(needed)")
        }
        let longestReceived = frameStride - Self.headroom - Tailroom.byteCount
        guard client.longestFrame <= longestReceived else {
            let fits = longestReceived - NetworkInterface.longestLinkHeader
            throw PortFailure(
                "\(client.name)'s MTU of \(client.mtu) does not fit frames of \(frameStride) bytes: "
                    + "set it to \(fits) or less (ip link set \(client.name) mtu \(fits))")
        }
        return frameCount
    }

    private static func bind(
        memory: borrowing FrameMemory, client: NetworkInterface, queues: Range<Int>, trusted: NetworkInterface,
        program: inout SteeringProgram
    ) throws(PortFailure) -> SharedUMEM {
        do throws(PortFailure) {
            guard memory.frameStride & (memory.frameStride - 1) == 0 else {
                throw PortFailure("\(memory.frameStride) bytes a frame are no power of two")
            }
            let umem = try SharedUMEM.open(
                memory: memory, client: client, queues: queues, trusted: trusted, trustedQueue: 0, copying: .zeroCopy,
                ringSize: ringSize)
            try program.passEverything(on: trusted)
            return umem
        } catch {
            return try SharedUMEM.open(
                memory: memory, client: client, queues: queues, trusted: trusted, trustedQueue: 0,
                copying: .copy(reason: error.description), ringSize: ringSize)
        }
    }

    private init(
        program: consuming SteeringProgram?, mode: String, socketMap: Int32, umem: consuming SharedUMEM,
        memory: consuming FrameMemory,
        client: NetworkInterface, trusted: NetworkInterface, longestReceived: Int
    ) {
        self.longestReceived = longestReceived
        self.socketMap = socketMap
        longestSent = trusted.mtu + 14
        pool = FramePool(frameCount: memory.frameCount, frameStride: memory.frameStride)
        polls = Slab(repeating: pollfd(), count: umem.queueCount + 2)
        let crossing =
            switch umem.copying {
            case .zeroCopy: "zero-copy"
            case .copy(let reason): "copy (zero-copy: \(reason))"
            }
        let queues = umem.queueCount == 1 ? "1 queue" : "\(umem.queueCount) queues"
        summary = "AF_XDP on \(client.name), \(mode), \(crossing), \(queues), to \(trusted.name)"
        if umem.copying == .zeroCopy {
            // What the kernel is to have of the trusted interface's queue 0 is received into these.
            trustedReceivingCount = umem.fill(umem.queueCount, from: &pool, limit: 512)
        }
        receivingShare = pool.count / (umem.queueCount + 1)
        receivingCounts = Slab(repeating: 0, count: umem.queueCount)
        for queue in 0..<umem.queueCount {
            receivingCounts[queue] = umem.fill(queue, from: &pool, limit: receivingShare)
        }
        self.program = program
        self.umem = umem
        self.memory = memory
    }

    // MARK: Addresses

    /// ESP for this address comes to the port from now on.
    /// Nothing changes at a port beside the first worker's.
    public func own(_ address: IPAddress) throws(PortFailure) { try program?.own(address) }

    /// ESP for this address stays with the kernel from now on.
    public func disown(_ address: IPAddress) throws(PortFailure) { try program?.disown(address) }

    // MARK: Frames

    public mutating func receive(into batch: inout PacketBatch) {
        complete()
        if transmittingCount > 0 { wakeupCount &+= UInt64(umem.kick()) }
        // Another queue has the first turn each time, so that none starves when batches are full.
        for _ in 0..<umem.queueCount where batch.room > 0 {
            let before = batch.count
            let count = umem.receive(
                nextQueue, into: &batch, longest: longestReceived, pool: &pool, tooLong: &tooLongCount)
            heldCount += batch.count - before
            let left = receivingCounts[nextQueue] - count
            receivingCounts[nextQueue] = left + umem.fill(nextQueue, from: &pool, limit: receivingShare - left)
            nextQueue = nextQueue + 1 == umem.queueCount ? 0 : nextQueue + 1
        }
    }

    public mutating func lend(to batch: inout PacketBatch) -> Bool {
        complete()
        guard batch.room > 0, let frame = pool.take() else { return false }
        batch.append(Packet(start: frame + Self.headroom, byteCount: 0))
        heldCount += 1
        return true
    }

    public mutating func transmit(_ batch: inout PacketBatch) {
        complete()
        let count = umem.transmit(&batch, longest: longestSent)
        transmittingCount += count
        heldCount -= count
        if count > 0 { wakeupCount &+= UInt64(umem.kick()) }
    }

    public mutating func release(_ batch: inout PacketBatch) {
        for index in 0..<batch.count where !batch[index].verdict.steers {
            pool.give(batch[index].start)
            heldCount -= 1
        }
        batch.removeAll()
        assert(isComplete, "a frame was lost")
    }

    public mutating func wait(milliseconds: Int32) { wait(milliseconds: milliseconds, or: -1) }

    mutating func wait(milliseconds: Int32, or descriptor: Int32) {
        // What the kernel would not take at once is tried again soon.
        if transmittingCount > 0 { wakeupCount &+= UInt64(umem.kick()) }
        umem.wait(
            milliseconds: umem.unsentCount > 0 ? min(milliseconds, 1) : milliseconds, or: descriptor, polls: &polls)
    }

    @inline(__always)
    private mutating func complete() {
        if transmittingCount > 0 { transmittingCount -= umem.complete(into: &pool) }
    }

    // MARK: Counters

    /// The kernel's XDP_STATISTICS, summed over the sockets, and what the port itself counts.
    public func statistics() -> [String: UInt64] {
        let kernel = umem.statistics()
        return [
            "rx_dropped": kernel.rx_dropped, "rx_invalid_descs": kernel.rx_invalid_descs,
            "tx_invalid_descs": kernel.tx_invalid_descs, "rx_ring_full": kernel.rx_ring_full,
            "rx_fill_ring_empty_descs": kernel.rx_fill_ring_empty_descs,
            "tx_ring_empty_descs": kernel.tx_ring_empty_descs, "frame_too_long": tooLongCount,
            "transmit_wakeups": wakeupCount,
        ]
    }

    /// Where the frames are. Those held by the kernel to be sent are counted as such until they were seen to be out,
    /// which `receive` and `transmit` look for.
    var census: (pool: Int, receiving: Int, held: Int, transmitting: Int) {
        var receiving = trustedReceivingCount
        for queue in 0..<receivingCounts.count { receiving += receivingCounts[queue] }
        return (pool.count, receiving, heldCount, transmittingCount)
    }

    /// Every frame of the memory is in one of the places.
    private var isComplete: Bool {
        let (pool, receiving, held, transmitting) = census
        return pool + receiving + held + transmitting == memory.frameCount
    }
}
