internal import CBPF
internal import Glibc

/// A TUN device: what the host's own TCP/IP sends into it is read here, what is written here arrives in the host.
/// Packets begin at the IP header. It goes away with the value; addresses and routes are the control plane's.
@safe public struct TUNDevice: ~Copyable {
    /// As the kernel has it.
    public let name: String
    private let descriptor: FileDescriptor
    private var tooLongCount: UInt64 = 0
    private var refusals = SendRefusals()

    /// Opens a device called `name`, or, when nil, one with a name of the kernel's choice (tun0, tun1, ...). "%d" in
    /// the name becomes the first free number. The device is down until somebody sets it up.
    public init(name: String? = nil) throws(PortFailure) {
        let wanted = name ?? ""
        guard wanted.utf8.count < Int(IFNAMSIZ), !wanted.utf8.contains(0) else {
            throw PortFailure("\(wanted): an interface's name has at most \(IFNAMSIZ - 1) bytes")
        }
        var characters = [CChar](repeating: 0, count: Int(IFNAMSIZ))
        for (index, byte) in wanted.utf8.enumerated() { characters[index] = CChar(bitPattern: byte) }
        // IFNAMSIZ bytes that end with a 0, before and after the call.
        let opened = unsafe cbpf_open_tun(&characters)
        guard opened >= 0 else { throw PortFailure("opening TUN device \(wanted)", errno: opened) }
        descriptor = FileDescriptor(owning: opened)
        self.name = String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// For poll; it is not blocking.
    public var fileDescriptor: Int32 { descriptor.number }

    /// Appends what the host sends, up to the batch's and the pool's room; a system call a packet. Each packet has
    /// `HostRoom` around it. One that leaves no such room in its frame is dropped and counted.
    public mutating func receive(
        into batch: inout PacketBatch, memory: borrowing FrameMemory, pool: inout FramePool
    ) {
        let room = memory.frameStride - HostRoom.front - HostRoom.back
        while batch.room > 0, let frame = pool.take() {
            // One byte more than fits shows that a packet was cut.
            let space = unsafe memory.pointer(at: frame + HostRoom.front, count: room + 1)
            let count = unsafe read(descriptor.number, space, room + 1)
            if count > 0 && count <= room {
                batch.append(Packet(start: frame + HostRoom.front, byteCount: count))
                continue
            }
            pool.give(frame)
            guard count > room else { return }
            tooLongCount &+= 1
        }
    }

    /// Gives one IP packet to the host. False when the host did not take it; `statistics` says why.
    public mutating func write(_ packet: RawSpan) -> Bool {
        let descriptor = descriptor.number
        // The span's bytes, used during the call only.
        let written = unsafe packet.withUnsafeBytes { bytes in
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
        if written == packet.byteCount { return true }
        refusals.count(errno)
        return false
    }

    /// What was dropped, by reason.
    public func statistics() -> [String: UInt64] {
        refusals.snapshot().merging(["frame_too_long": tooLongCount]) { $1 }
    }
}
