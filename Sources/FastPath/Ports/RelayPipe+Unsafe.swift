internal import CBPF
internal import Glibc
internal import Wire

/// The way from a router's worker to its relay, which is another thread: a pair of sockets that keeps messages whole
/// and is bounded by the kernel. Only packets that the relay opens take it, a system call each; nothing is allocated or
/// locked here.
///
///     | index of the target 4, big-endian | the IP packet, as it came |
public enum RelayPipe {
    static let prefixByteCount = 4
    /// Bytes that may wait.
    private static let bufferByteCount: Int32 = 4 << 20

    public static func open() throws(PortFailure) -> RelayEnds {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        // The kernel writes two descriptors into the array of two.
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw PortFailure("a pipe to the relay", errno: errno)
        }
        let sender = FileDescriptor(owning: ends[0])
        let receiver = FileDescriptor(owning: ends[1])
        var size = bufferByteCount
        // An integer of this size, read during the call. Where the administrator allows less, less may wait.
        unsafe _ = setsockopt(sender.number, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
        return RelayEnds(sender: RelaySender(descriptor: sender), receiver: RelayReceiver(descriptor: receiver))
    }
}

/// Both ends of a new pipe, to be given away.
public struct RelayEnds: ~Copyable {
    private var sender: RelaySender?
    private var receiver: RelayReceiver?

    init(sender: consuming RelaySender, receiver: consuming RelayReceiver) {
        self.sender = consume sender
        self.receiver = consume receiver
    }

    /// nil when it was taken before.
    @inline(never) public mutating func takeSender() -> RelaySender? { sender.take() }
    /// nil when it was taken before.
    @inline(never) public mutating func takeReceiver() -> RelayReceiver? { receiver.take() }
}

/// The worker's end.
@safe public struct RelaySender: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Another end of the same pipe, for another worker; nil when the kernel has no descriptor for it.
    public func duplicate() -> RelaySender? {
        // Plain numbers go in and out.
        let other = fcntl(descriptor.number, F_DUPFD_CLOEXEC, 0)
        return other < 0 ? nil : RelaySender(descriptor: FileDescriptor(owning: other))
    }

    /// False when there is no room. Overwrites the bytes in front of the IP header, which nobody needs any more: the
    /// frame begins with Ethernet.
    func send(_ packet: Packet, from memory: borrowing FrameMemory) -> Bool {
        let start = packet.start + Int(packet.ipOffset) - RelayPipe.prefixByteCount
        let count = RelayPipe.prefixByteCount + Int(packet.espOffset - packet.ipOffset + packet.espByteCount)
        var prefix = memory.mutableBytes(at: start, count: RelayPipe.prefixByteCount)
        prefix.storeBigEndian(UInt32(bitPattern: packet.target), at: 0)
        // Bytes of the memory (checked), read during the call.
        return unsafe Glibc.send(descriptor.number, memory.pointer(at: start, count: count), count, Int32(MSG_NOSIGNAL))
            == count
    }
}

/// The relay's end.
@safe public struct RelayReceiver: ~Copyable, Sendable {
    private let descriptor: FileDescriptor

    init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// For poll; it is not blocking.
    public var fileDescriptor: Int32 { descriptor.number }

    /// Appends what has come, up to the batch's and the pool's room. Each packet begins at its IP header, has
    /// `HostRoom` around it and knows its target. One that leaves no such room in its frame is dropped: its frame was
    /// larger than any that came.
    public mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        let room = memory.frameStride - HostRoom.front - HostRoom.back
        while batch.room > 0, let frame = pool.take() {
            let start = frame + HostRoom.front - RelayPipe.prefixByteCount
            // Room in the memory (checked); the kernel writes no more than that.
            let count = unsafe recv(
                descriptor.number, memory.pointer(at: start, count: room), room, Int32(MSG_TRUNC))
            guard count > RelayPipe.prefixByteCount, count <= room else {
                pool.give(frame)
                if count > 0 { continue }
                return
            }
            var packet = Packet(
                start: start + RelayPipe.prefixByteCount, byteCount: count - RelayPipe.prefixByteCount)
            let prefix = memory.bytes(at: start, count: RelayPipe.prefixByteCount)
            packet.target = Int32(bitPattern: prefix.bigEndian32(at: 0))
            batch.append(packet)
        }
    }
}
