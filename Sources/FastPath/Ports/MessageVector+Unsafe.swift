internal import CBPF
internal import Glibc

/// The messages of one sendmmsg or recvmmsg, which point into a frame memory. Their memory is taken once.
@safe struct MessageVector: ~Copyable {
    private var messages: Slab<cbpf_message>
    private var vectors: Slab<iovec>
    private var addresses: Slab<sockaddr_in>
    /// Of each message that was to be sent: 0, or the errno that refused it.
    private var refusals: Slab<Int32>
    let capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        // C structures of numbers and pointers, all zero until `append` sets them.
        unsafe messages = Slab(repeating: cbpf_message(), count: capacity)
        unsafe vectors = Slab(repeating: iovec(), count: capacity)
        addresses = Slab(repeating: sockaddr_in(), count: capacity)
        refusals = Slab(repeating: 0, count: capacity)
    }

    mutating func removeAll() { count = 0 }

    /// Adds a message: part of a frame, and an IPv4 address (host byte order) to send it to. Traps when full, or when
    /// the bytes are not in the memory, which must live until the messages are sent or received.
    @inline(__always)
    mutating func append(at offset: Int, count byteCount: Int, of memory: borrowing FrameMemory, to v4: UInt32? = nil) {
        unsafe append(at: offset, count: byteCount, of: memory) { _ in }
        guard let v4 else { return }
        addresses[count - 1].sin_family = sa_family_t(AF_INET)
        addresses[count - 1].sin_addr.s_addr = v4.bigEndian
        // The slab does not move; the message is the one that was just added.
        unsafe messages[count - 1].header.msg_name = UnsafeMutableRawPointer(addresses.pointer(to: count - 1))
        unsafe messages[count - 1].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in>.size)
    }

    /// As above, without an address; `amend` may add to the header what lives as long as the message.
    @unsafe @inline(__always)
    mutating func append(
        at offset: Int, count byteCount: Int, of memory: borrowing FrameMemory, amend: (inout msghdr) -> Void
    ) {
        precondition(count < capacity)
        // In the memory (checked), and used before the caller lets the frame go; the slabs do not move.
        unsafe vectors[count] = iovec(iov_base: memory.pointer(at: offset, count: byteCount), iov_len: byteCount)
        var header = unsafe msghdr()
        unsafe header.msg_iov = vectors.pointer(to: count)
        unsafe header.msg_iovlen = 1
        unsafe amend(&header)
        // An element of ours, in range by the precondition.
        unsafe messages[count] = cbpf_message(header: header, byte_count: 0)
        count += 1
    }

    /// Sends the messages; what became of each is then in `refusal(of:)`. One that is refused does not keep the others
    /// back, unless the reason is that there is no room: then the rest is refused with it, untried.
    mutating func send(through descriptor: Int32) {
        var next = 0
        while next < count {
            // Messages next to count - 1, set by append.
            let sent = unsafe cbpf_send(descriptor, messages.pointer(to: next), UInt32(count - next))
            if sent > 0 {
                for index in next..<next + Int(sent) { refusals[index] = 0 }
                next += Int(sent)
            } else if sent == -EINTR {
                continue
            } else {
                let isFull = sent == -ENOBUFS || sent == -EAGAIN || sent == -ENOMEM || sent == 0
                let end = isFull ? count : next + 1
                for index in next..<end { refusals[index] = sent == 0 ? EAGAIN : -sent }
                next = end
            }
        }
    }

    /// 0 when the message was sent, otherwise the errno.
    @inline(__always)
    func refusal(of index: Int) -> Int32 { refusals[index] }

    /// Receives into the messages. Returns how many were; 0 when there is nothing.
    mutating func receive(from descriptor: Int32) -> Int {
        if count == 0 { return 0 }
        // Count messages set by append.
        let received = unsafe cbpf_receive(descriptor, messages.pointer(to: 0), UInt32(count))
        return max(0, Int(received))
    }

    /// A message that was received, for what the kernel says beside it.
    @unsafe
    func received(_ index: Int) -> UnsafeMutablePointer<cbpf_message> { unsafe messages.pointer(to: index) }

    /// Bytes received into a message; nil when the packet was longer than the message's room.
    @inline(__always)
    func byteCount(of index: Int) -> Int? {
        // An element that receive filled in.
        let message = unsafe messages[index]
        return unsafe message.header.msg_flags & Int32(MSG_TRUNC) != 0 ? nil : Int(message.byte_count)
    }
}
