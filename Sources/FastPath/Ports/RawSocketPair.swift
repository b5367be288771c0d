internal import CBPF
internal import Glibc

/// The two sockets of a raw socket of either family: one that receives, and one of protocol 255 that sends what has its header
/// already and takes nothing in. With what became of what was sent.
struct RawSocketPair: ~Copyable {
    let receiver: FileDescriptor
    let sender: FileDescriptor
    private var refusals = SendRefusals()
    private var sentCount: UInt64 = 0
    private var tooLongCount: UInt64 = 0

    /// - Parameters:
    ///   - family: for people, "IPv6 " or nothing.
    ///   - interface: as for `RawIPSocket`, as the others are.
    init(
        receiver: consuming FileDescriptor, sender: consuming FileDescriptor, family: String = "", interface: String?,
        mark: UInt32?, bufferByteCount: Int32
    ) throws(PortFailure) {
        if let interface {
            let index = try NetworkInterface.index(of: interface)
            let failure = cbpf_set_option(receiver.number, SOL_SOCKET, SO_BINDTOIFINDEX, index)
            guard failure == 0 else { throw PortFailure("binding a raw socket to \(interface)", errno: failure) }
        }
        if let mark {
            let failure = cbpf_set_option(sender.number, SOL_SOCKET, SO_MARK, Int32(bitPattern: mark))
            guard failure == 0 else { throw PortFailure("marking what a raw socket sends", errno: failure) }
        }
        // Beyond the administrator's limit with CAP_NET_ADMIN, within it otherwise.
        if cbpf_set_option(receiver.number, SOL_SOCKET, SO_RCVBUFFORCE, bufferByteCount) != 0 {
            _ = cbpf_set_option(receiver.number, SOL_SOCKET, SO_RCVBUF, bufferByteCount)
        }
        if cbpf_set_option(sender.number, SOL_SOCKET, SO_SNDBUFFORCE, bufferByteCount) != 0 {
            _ = cbpf_set_option(sender.number, SOL_SOCKET, SO_SNDBUF, bufferByteCount)
        }
        // Nothing should come of protocol 255; if it does, it is not for us.
        let failure = cbpf_accept_nothing(sender.number)
        guard failure == 0 else { throw PortFailure("a raw socket to send \(family)through", errno: failure) }
        self.receiver = receiver
        self.sender = sender
    }

    /// Counts what became of a packet that was to be sent; one that was not taken gets the verdict that says so.
    @inline(__always)
    mutating func note(_ refusal: Int32, of packet: inout Packet) {
        if refusal == 0 {
            sentCount &+= 1
            return
        }
        refusals.count(refusal)
        packet.verdict = refusal == EMSGSIZE ? .oversized : .transmitQueueFull
    }

    mutating func countTooLong() { tooLongCount &+= 1 }

    func statistics() -> [String: UInt64] {
        refusals.snapshot().merging(["sent": sentCount, "frame_too_long": tooLongCount]) { $1 }
    }
}
