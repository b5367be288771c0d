import CBPF
import Commands
import Foundation

/// A packet socket on an interface of a namespace: the far end of a link, which sends frames and sees what arrives; or
/// an ear on what an interface's kernel side gets.
final class PacketTap: Sendable {
    private let descriptor: Int32

    init(_ interface: String, in namespace: String) throws {
        descriptor = try inNamespace(namespace) {
            let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
            guard descriptor >= 0 else { throw CommandFailed(description: "packet socket: errno \(errno)") }
            _ = cbpf_set_option(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            _ = cbpf_set_option(descriptor, SOL_PACKET, PACKET_AUXDATA, 1)
            _ = cbpf_set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            _ = cbpf_set_option(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20)
            let failure = cbpf_bind_packet(descriptor, Int32(if_nametoindex(interface)), UInt16(ETH_P_ALL))
            guard failure == 0 else { throw CommandFailed(description: "binding to \(interface): \(failure)") }
            return descriptor
        }
    }

    deinit { close(descriptor) }

    /// Sends a frame as it is; throws when the link does not take it.
    func send(_ frame: [UInt8]) throws {
        let sent = Foundation.send(descriptor, frame, frame.count, 0)
        guard sent == frame.count else { throw CommandFailed(description: "sending: errno \(errno)") }
    }

    /// The next frame that has arrived, nil when none has; a VLAN tag that the kernel took out is put back.
    func receive() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var control = [UInt8](repeating: 0, count: 256)
        return bytes.withUnsafeMutableBytes { buffer in
            control.withUnsafeMutableBytes { controlBuffer in
                var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = controlBuffer.baseAddress
                    message.msg_controllen = controlBuffer.count
                    let count = recvmsg(descriptor, &message, Int32(MSG_DONTWAIT))
                    guard count > 0 else { return nil }
                    var frame = [UInt8](buffer[..<count])
                    // One control message, tpacket_auxdata: the tag at bytes 16 to 19, valid by a bit of status.
                    let header = MemoryLayout<cmsghdr>.size
                    if message.msg_controllen >= header + 20 {
                        let status = controlBuffer.loadUnaligned(fromByteOffset: header, as: UInt32.self)
                        let tag = controlBuffer.loadUnaligned(fromByteOffset: header + 16, as: UInt16.self)
                        let type = controlBuffer.loadUnaligned(fromByteOffset: header + 18, as: UInt16.self)
                        if status & UInt32(TP_STATUS_VLAN_VALID) != 0 {
                            frame.insert(
                                contentsOf: [UInt8(type >> 8), UInt8(type & 255), UInt8(tag >> 8), UInt8(tag & 255)],
                                at: 12)
                        }
                    }
                    return frame
                }
            }
        }
    }

    /// Everything that arrives until `count` frames satisfy `wanted`.
    func receive(_ count: Int, where wanted: ([UInt8]) -> Bool) throws -> [[UInt8]] {
        var frames: [[UInt8]] = []
        try waitUntil("\(count) frames") {
            while let frame = receive() { if wanted(frame) { frames.append(frame) } }
            return frames.count >= count
        }
        return frames
    }
}
