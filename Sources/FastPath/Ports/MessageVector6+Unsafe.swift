internal import CBPF
internal import Glibc
internal import Wire

/// `MessageVector` for raw IPv6 sockets, with what the kernel says beside a packet.
@safe struct MessageVector6: ~Copyable {
    /// What came, without its IPv6 header.
    struct Found {
        var byteCount: Int
        var source: IPAddress
        var destination: IPAddress
        var trafficClass: UInt8
    }

    private var messages: Slab<cbpf_message>
    private var vectors: Slab<iovec>
    private var addresses: Slab<cbpf_address_ipv6>
    private var beside: Slab<UInt64>
    private var refusals: Slab<Int32>
    let capacity: Int
    private(set) var count = 0

    private static let wordsBeside = Int(cbpf_beside_bytes) / 8

    init(capacity: Int) {
        self.capacity = capacity
        // C structures of numbers and pointers, all zero until `append` sets them.
        unsafe messages = Slab(repeating: cbpf_message(), count: capacity)
        unsafe vectors = Slab(repeating: iovec(), count: capacity)
        addresses = Slab(repeating: cbpf_address_ipv6(), count: capacity)
        beside = Slab(repeating: 0, count: capacity * Self.wordsBeside)
        refusals = Slab(repeating: 0, count: capacity)
    }

    mutating func removeAll() { count = 0 }

    /// Adds a message: part of a frame, and an address to send it to, or nil to receive into it. Traps when full, or when the
    /// bytes are not in the memory, which must live until the messages are sent or received.
    mutating func append(at offset: Int, count byteCount: Int, of memory: borrowing FrameMemory, to address: IPAddress?)
    {
        precondition(count < capacity)
        // In the memory (checked), and used before the caller lets the frame go; the slabs do not move.
        unsafe vectors[count] = iovec(iov_base: memory.pointer(at: offset, count: byteCount), iov_len: byteCount)
        addresses[count] = cbpf_address_ipv6()
        var header = unsafe msghdr()
        unsafe header.msg_iov = vectors.pointer(to: count)
        unsafe header.msg_iovlen = 1
        unsafe header.msg_name = UnsafeMutableRawPointer(addresses.pointer(to: count))
        unsafe header.msg_namelen = socklen_t(cbpf_address_ipv6_bytes)
        if let address {
            addresses[count].family = UInt16(AF_INET6)
            addresses[count].high = address.high.bigEndian
            addresses[count].low = address.low.bigEndian
        } else {
            // This message's words, wordsBeside of them.
            unsafe header.msg_control = UnsafeMutableRawPointer(beside.pointer(to: count * Self.wordsBeside))
            unsafe header.msg_controllen = Self.wordsBeside * 8
        }
        // An element of ours, in range by the precondition.
        unsafe messages[count] = cbpf_message(header: header, byte_count: 0)
        count += 1
    }

    /// As `MessageVector.send`.
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
    func refusal(of index: Int) -> Int32 { refusals[index] }

    /// Receives into the messages. Returns how many were; 0 when there is nothing.
    mutating func receive(from descriptor: Int32) -> Int {
        if count == 0 { return 0 }
        // Count messages set by append.
        let received = unsafe cbpf_receive(descriptor, messages.pointer(to: 0), UInt32(count))
        return max(0, Int(received))
    }

    /// nil when the packet was longer than the message's room, or came without its destination.
    func found(_ index: Int) -> Found? {
        // An element that receive filled in, and its words beside.
        let message = unsafe messages.pointer(to: index)
        guard unsafe message.pointee.header.msg_flags & Int32(MSG_TRUNC | MSG_CTRUNC) == 0 else { return nil }
        let beside = unsafe cbpf_read_beside(&message.pointee.header)
        guard beside.found != 0 else { return nil }
        let from = addresses[index]
        return Found(
            byteCount: unsafe Int(message.pointee.byte_count),
            source: IPAddress(high: from.high.bigEndian, low: from.low.bigEndian),
            destination: IPAddress(high: beside.high.bigEndian, low: beside.low.bigEndian),
            trafficClass: UInt8(truncatingIfNeeded: beside.traffic_class))
    }
}
