internal import CBPF
internal import Glibc

/// One AF_XDP socket and its four rings. libxdp keeps pointers to the rings, so they stay where they were made.
@unsafe private struct SocketRings {
    // libxdp fills these in; until then they are zeros.
    var fill = unsafe xsk_ring_prod()
    var completion = unsafe xsk_ring_cons()
    var receive = unsafe xsk_ring_cons()
    var transmit = unsafe xsk_ring_prod()
    var socket: OpaquePointer?
    var descriptor: Int32 = -1
}

/// A frame memory registered with AF_XDP, and the sockets that share it: one for each receive queue of the client's
/// interface and one that sends on a queue of the trusted interface: of all of a worker's.
///
///     client queue q:  pool -> fill[q] -> kernel -> receive[q] -> batch
///     trusted queue w: batch -> transmit -> kernel -> completion -> pool
///
/// A frame received on one interface is sent on the other where it lies.
@safe struct SharedUMEM: ~Copyable {
    private let sockets: UnsafeMutablePointer<SocketRings>
    private let umem: OpaquePointer
    let queueCount: Int
    let ringSize: Int
    private var sender: Int { queueCount }

    let copying: Copying

    /// How frames cross between driver and memory.
    enum Copying: Equatable {
        case zeroCopy
        case copy(reason: String)
    }

    /// Registers `memory` and binds the sockets: to `queues` of the client's interface, and to one of the trusted one. The
    /// memory must outlive the value.
    static func open(
        memory: borrowing FrameMemory, client: NetworkInterface, queues: Range<Int>, trusted: NetworkInterface,
        trustedQueue: Int, copying: Copying, ringSize: Int
    ) throws(PortFailure) -> SharedUMEM {
        let shared = try SharedUMEM(registering: memory, queues: queues, copying: copying, ringSize: ringSize)
        let flags = UInt16(XDP_USE_NEED_WAKEUP) | UInt16(copying == .zeroCopy ? XDP_ZEROCOPY : XDP_COPY)
        for queue in 0..<shared.queueCount {
            let place = queues.lowerBound + queue
            let failure = shared.bind(queue, to: client.name, queue: place, flags: flags)
            guard failure == 0 else {
                throw PortFailure("binding an AF_XDP socket to \(client.name), queue \(place)", errno: failure)
            }
        }
        let failure = shared.bind(shared.sender, to: trusted.name, queue: trustedQueue, flags: flags)
        guard failure == 0 else {
            throw PortFailure("binding an AF_XDP socket to \(trusted.name), queue \(trustedQueue)", errno: failure)
        }
        // More than 32 frames a system call, where the kernel knows the option (6.17); no matter if not.
        // The sender was opened above.
        unsafe _ = cbpf_set_option(shared.sockets[shared.sender].descriptor, SOL_XDP, CBPF_XDP_MAX_TX_SKB_BUDGET, 256)
        return shared
    }

    private init(
        registering memory: borrowing FrameMemory, queues: Range<Int>, copying: Copying, ringSize: Int
    ) throws(PortFailure) {
        let queueCount = queues.count
        // Released in deinit, or below.
        let sockets = UnsafeMutablePointer<SocketRings>.allocate(capacity: queueCount + 1)
        unsafe sockets.initialize(repeating: SocketRings(), count: queueCount + 1)
        let isPowerOfTwo = memory.frameStride & (memory.frameStride - 1) == 0
        var config = xsk_umem_config(
            fill_size: UInt32(ringSize), comp_size: UInt32(ringSize), frame_size: UInt32(memory.frameStride),
            frame_headroom: 0, flags: isPowerOfTwo ? 0 : UInt32(XDP_UMEM_UNALIGNED_CHUNK_FLAG))
        var made: OpaquePointer?
        // The whole of the memory, page-aligned; the first socket's fill and completion ring are the UMEM's.
        let failure = unsafe xsk_umem__create(
            &made, memory.pointer(at: 0, count: memory.byteCount), UInt64(memory.byteCount), &sockets[0].fill,
            &sockets[0].completion, &config)
        guard failure == 0, let umem = unsafe made else {
            unsafe sockets.deallocate()
            throw PortFailure("registering \(memory.byteCount) bytes of frame memory with AF_XDP", errno: failure)
        }
        unsafe self.sockets = sockets
        unsafe self.umem = umem
        self.queueCount = queueCount
        self.ringSize = ringSize
        self.copying = copying
    }

    deinit {
        // All made in init. A socket must go before its UMEM, and libxdp unmaps the rings with it.
        for index in 0...queueCount {
            if let socket = unsafe sockets[index].socket { unsafe xsk_socket__delete(socket) }
        }
        unsafe _ = xsk_umem__delete(umem)
        unsafe sockets.deallocate()
    }

    /// Opens socket `index`, receiving or, the last one, sending. 0, or a negative errno.
    private func bind(_ index: Int, to interface: String, queue: Int, flags: UInt16) -> Int32 {
        var config = xsk_socket_config()
        config.rx_size = UInt32(ringSize)
        config.tx_size = UInt32(ringSize)
        config.libxdp_flags = UInt32(XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD)
        config.bind_flags = flags
        // The block of rings stays in place until deinit; the first socket has the UMEM's own rings.
        let rings = unsafe sockets + index
        let failure =
            unsafe index == 0
            ? xsk_socket__create(
                &rings.pointee.socket, interface, UInt32(queue), umem, &rings.pointee.receive, nil, &config)
            : xsk_socket__create_shared(
                &rings.pointee.socket, interface, UInt32(queue), umem,
                index == sender ? nil : withUnsafeMutablePointer(to: &rings.pointee.receive) { unsafe $0 },
                index == sender ? withUnsafeMutablePointer(to: &rings.pointee.transmit) { unsafe $0 } : nil,
                &rings.pointee.fill, &rings.pointee.completion, &config)
        guard failure == 0, let socket = unsafe rings.pointee.socket else { return failure }
        unsafe rings.pointee.descriptor = xsk_socket__fd(socket)
        return 0
    }

    /// Of a receive queue's socket. Traps when there is no such queue.
    func descriptor(ofQueue queue: Int) -> Int32 {
        precondition(queue >= 0 && queue < queueCount)
        // In range by the line above.
        return unsafe sockets[queue].descriptor
    }

    /// The kernel's counters, summed over the sockets.
    func statistics() -> xdp_statistics {
        var sum = xdp_statistics()
        for index in 0...queueCount {
            var one = xdp_statistics()
            // An open socket of ours, and an answer written during the call only.
            guard unsafe cbpf_statistics(sockets[index].descriptor, &one) == 0 else { continue }
            sum.rx_dropped &+= one.rx_dropped
            sum.rx_invalid_descs &+= one.rx_invalid_descs
            sum.tx_invalid_descs &+= one.tx_invalid_descs
            sum.rx_ring_full &+= one.rx_ring_full
            sum.rx_fill_ring_empty_descs &+= one.rx_fill_ring_empty_descs
            sum.tx_ring_empty_descs &+= one.tx_ring_empty_descs
        }
        return sum
    }

    // MARK: Receiving

    /// Hands free frames to the kernel to receive into, on `queue` (the trusted interface's is `queueCount`), until its
    /// fill ring is full or `limit` are handed over. Returns how many.
    @inline(__always)
    mutating func fill(_ queue: Int, from pool: inout FramePool, limit: Int = .max) -> Int {
        precondition(queue >= 0 && queue <= queueCount)
        let wanted = UInt32(min(pool.count, ringSize, limit))
        if wanted == 0 { return 0 }
        // In range by the precondition; the ring is mapped until deinit and has one producer, us.
        let rings = unsafe sockets + queue
        let count = unsafe min(wanted, xsk_prod_nb_free(&rings.pointee.fill, wanted))
        if count == 0 { return 0 }
        var first: UInt32 = 0
        // Count entries are free by the line before the last: the reservation succeeds.
        unsafe _ = xsk_ring_prod__reserve(&rings.pointee.fill, count, &first)
        for entry in 0..<count {
            guard let frame = pool.take() else { fatalError("the pool ran short of frames it had") }
            // An entry reserved above; the ring masks the index.
            unsafe xsk_ring_prod__fill_addr(&rings.pointee.fill, first &+ entry).pointee = UInt64(frame)
        }
        // Entries reserved and written above.
        unsafe xsk_ring_prod__submit(&rings.pointee.fill, count)
        if unsafe xsk_ring_prod__needs_wakeup(&rings.pointee.fill) != 0 {
            if queue == sender {
                // The kernel refuses recvfrom on a socket without a receive ring before it looks whom to wake.
                var asleep = unsafe pollfd(fd: rings.pointee.descriptor, events: 0, revents: 0)
                asleep.wait(milliseconds: 0)
            } else {
                // An open socket of ours and no buffer: this only wakes the driver.
                unsafe _ = recvfrom(rings.pointee.descriptor, nil, 0, Int32(MSG_DONTWAIT), nil, nil)
            }
        }
        return Int(count)
    }

    /// Appends what has arrived on `queue`. Frames longer than `longest` bytes go back to the pool: `tooLong` counts
    /// them. Returns the frames that left the ring.
    @inline(__always)
    mutating func receive(
        _ queue: Int, into batch: inout PacketBatch, longest: Int, pool: inout FramePool, tooLong: inout UInt64
    ) -> Int {
        precondition(queue >= 0 && queue < queueCount)
        // In range by the precondition; the ring is mapped until deinit and has one consumer, us.
        let rings = unsafe sockets + queue
        var first: UInt32 = 0
        let count = unsafe xsk_ring_cons__peek(&rings.pointee.receive, UInt32(batch.room), &first)
        if count == 0 { return 0 }
        for entry in 0..<count {
            // An entry that the peek gave us.
            let descriptor = unsafe xsk_ring_cons__rx_desc(&rings.pointee.receive, first &+ entry).pointee
            // With unaligned chunks the upper 16 bits hold the data's offset in its chunk; otherwise they are 0.
            let start = Int(truncatingIfNeeded: (descriptor.addr & 0xFFFF_FFFF_FFFF) &+ (descriptor.addr >> 48))
            if Int(descriptor.len) > longest {
                tooLong &+= 1
                pool.give(start)
            } else {
                batch.append(Packet(start: start, byteCount: Int(descriptor.len)))
            }
        }
        // Entries that the peek gave us, all read.
        unsafe xsk_ring_cons__release(&rings.pointee.receive, count)
        return Int(count)
    }

    // MARK: Sending

    /// Sends the packets whose verdict steers, as many as the ring takes; the others get `transmitQueueFull`, and
    /// `oversized` where the frame is longer than `longest` bytes. Returns how many went to the kernel.
    @inline(__always)
    mutating func transmit(_ batch: inout PacketBatch, longest: Int) -> Int {
        var wanted: UInt32 = 0
        for index in 0..<batch.count where batch[index].verdict.steers {
            if batch[index].byteCount > longest { batch[index].verdict = .oversized } else { wanted &+= 1 }
        }
        if wanted == 0 { return 0 }
        // The last of the sockets; its ring is mapped until deinit and has one producer, us.
        let rings = unsafe sockets + sender
        let count = unsafe min(wanted, xsk_prod_nb_free(&rings.pointee.transmit, wanted))
        var first: UInt32 = 0
        // Count entries are free by the line before the last: the reservation succeeds.
        if count > 0 { unsafe _ = xsk_ring_prod__reserve(&rings.pointee.transmit, count, &first) }
        var entry: UInt32 = 0
        for index in 0..<batch.count where batch[index].verdict.steers {
            if entry == count {
                batch[index].verdict = .transmitQueueFull
                continue
            }
            let packet = batch[index]
            // One of the entries reserved above; the ring masks the index.
            unsafe xsk_ring_prod__tx_desc(&rings.pointee.transmit, first &+ entry).pointee = xdp_desc(
                addr: UInt64(packet.start), len: UInt32(packet.byteCount), options: 0)
            entry &+= 1
        }
        // Entries reserved and written above.
        if count > 0 { unsafe xsk_ring_prod__submit(&rings.pointee.transmit, count) }
        return Int(count)
    }

    /// Frames handed to the kernel that it has not begun to send.
    @inline(__always)
    var unsentCount: Int {
        // The ring is mapped until deinit.
        unsafe Int(cbpf_unsent(&sockets[sender].transmit))
    }

    /// Makes the kernel send, where it does not by itself: a system call for up to 32 frames in copy mode (256 from
    /// Linux 6.17). What it does not take now stays in the ring. Returns the calls made.
    @inline(__always)
    mutating func kick() -> Int {
        var calls = 0
        // The last of the sockets, open until deinit.
        let rings = unsafe sockets + sender
        while unsafe xsk_ring_prod__needs_wakeup(&rings.pointee.transmit) != 0 {
            let before = unsentCount
            if before == 0 { break }
            // An open socket of ours and no buffer: this only wakes the driver.
            unsafe _ = sendto(rings.pointee.descriptor, nil, 0, Int32(MSG_DONTWAIT), nil, 0)
            calls &+= 1
            if unsentCount == before { break }
        }
        return calls
    }

    /// Gives frames that are out back to the pool. Returns how many.
    @inline(__always)
    mutating func complete(into pool: inout FramePool) -> Int {
        // The last of the sockets; its ring is mapped until deinit and has one consumer, us.
        let rings = unsafe sockets + sender
        var first: UInt32 = 0
        let count = unsafe xsk_ring_cons__peek(&rings.pointee.completion, UInt32(ringSize), &first)
        if count == 0 { return 0 }
        for entry in 0..<count {
            // An entry that the peek gave us.
            let address = unsafe xsk_ring_cons__comp_addr(&rings.pointee.completion, first &+ entry).pointee
            pool.give(Int(truncatingIfNeeded: (address & 0xFFFF_FFFF_FFFF) &+ (address >> 48)))
        }
        // Entries that the peek gave us, all read.
        unsafe xsk_ring_cons__release(&rings.pointee.completion, count)
        return Int(count)
    }

    /// Sleeps until a frame arrives on one of the queues, `other` is readable (a negative one never is), or `milliseconds` have
    /// passed. `polls`: one a queue, and two more.
    func wait(milliseconds: Int32, or other: Int32, polls: inout Slab<pollfd>) {
        for queue in 0..<queueCount {
            polls[queue] = pollfd(fd: descriptor(ofQueue: queue), events: Int16(POLLIN), revents: 0)
        }
        polls[queueCount] = pollfd(fd: other, events: Int16(POLLIN), revents: 0)
        var count = queueCount + 1
        if copying == .zeroCopy {
            // Nothing is waited for on the trusted interface, but its driver may sleep with frames to receive into.
            polls[count] = unsafe pollfd(fd: sockets[sender].descriptor, events: 0, revents: 0)
            count += 1
        }
        precondition(polls.count >= count)
        // The slab has so many elements by the line above, and the pointer is used during the call only.
        unsafe _ = poll(polls.pointer(to: 0), nfds_t(count), milliseconds)
    }
}
