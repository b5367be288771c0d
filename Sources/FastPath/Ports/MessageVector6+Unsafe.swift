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

    private var messages: MessageVector
    private var addresses: Slab<cbpf_address_ipv6>
    private var beside: Slab<UInt64>
    var capacity: Int { messages.capacity }
    var count: Int { messages.count }

    private static let wordsBeside = Int(cbpf_beside_bytes) / 8

    init(capacity: Int) {
        messages = MessageVector(capacity: capacity)
        addresses = Slab(repeating: cbpf_address_ipv6(), count: capacity)
        beside = Slab(repeating: 0, count: capacity * Self.wordsBeside)
    }

    mutating func removeAll() { messages.removeAll() }

    /// Adds a message: part of a frame, and an address to send it to, or nil to receive into it. Traps when full, or when the
    /// bytes are not in the memory, which must live until the messages are sent or received.
    mutating func append(at offset: Int, count byteCount: Int, of memory: borrowing FrameMemory, to address: IPAddress?)
    {
        precondition(count < capacity)
        let place = count
        addresses[place] = cbpf_address_ipv6()
        if let address {
            addresses[place].family = UInt16(AF_INET6)
            addresses[place].high = address.high.bigEndian
            addresses[place].low = address.low.bigEndian
        }
        // The slabs do not move. `beside` has wordsBeside words for each message.
        let (name, control) = unsafe (addresses.pointer(to: place), beside.pointer(to: place * Self.wordsBeside))
        unsafe messages.append(at: offset, count: byteCount, of: memory) { header in
            unsafe header.msg_name = UnsafeMutableRawPointer(name)
            unsafe header.msg_namelen = socklen_t(cbpf_address_ipv6_bytes)
            if address == nil {
                unsafe header.msg_control = UnsafeMutableRawPointer(control)
                unsafe header.msg_controllen = Self.wordsBeside * 8
            }
        }
    }

    /// As of `MessageVector`, the three.
    mutating func send(through descriptor: Int32) { messages.send(through: descriptor) }
    func refusal(of index: Int) -> Int32 { messages.refusal(of: index) }
    mutating func receive(from descriptor: Int32) -> Int { messages.receive(from: descriptor) }

    /// nil when the packet was longer than the message's room, or came without its destination.
    func found(_ index: Int) -> Found? {
        // An element that receive filled in, and its words beside.
        let message = unsafe messages.received(index)
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
