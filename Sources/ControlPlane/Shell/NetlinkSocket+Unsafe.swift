internal import Glibc

/// A netlink socket of the network namespace in which it was opened.
@safe public struct NetlinkSocket: ~Copyable, Sendable {
    /// NETLINK_ROUTE, NETLINK_SOCK_DIAG and NETLINK_XFRM.
    enum Part: Int32 {
        case routes = 0
        case sockets = 4
        case security = 6
    }

    /// For `poll`; it is closed with the socket.
    public let descriptor: Int32

    /// `groups`: RTMGRP_ bits of the changes to be told of; such a socket does not block.
    init(_ part: Part = .routes, groups: UInt32 = 0) throws(SystemError) {
        let kind = Int32(SOCK_RAW.rawValue) | O_CLOEXEC | (groups == 0 ? 0 : O_NONBLOCK)
        descriptor = socket(AF_NETLINK, kind, part.rawValue)
        guard descriptor >= 0 else { throw SystemError.last("socket", "netlink") }
        // struct sockaddr_nl: family, padding, port (0: the kernel's choice), groups.
        var address: (UInt16, UInt16, UInt32, UInt32) = (UInt16(AF_NETLINK), 0, 0, groups)
        let here = descriptor
        // 12 bytes of plain numbers, read during the call only.
        let bound = unsafe withUnsafeBytes(of: &address) {
            unsafe bind(here, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, 12)
        }
        guard bound == 0 else {
            let error = SystemError.last("bind", "netlink")
            close(here)
            throw error
        }
    }

    deinit { close(descriptor) }

    borrowing func send(_ bytes: [UInt8], _ operation: String) throws(SystemError) {
        let here = descriptor
        // The buffer is read during the call only, for its own length.
        let sent = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(here, $0.baseAddress, $0.count, 0) }
        guard sent == bytes.count else { throw SystemError.last(operation, "netlink") }
    }

    /// One datagram; nil when none waits on a socket that does not block. ENOBUFS is thrown: changes were lost.
    borrowing func receive() throws(SystemError) -> NetlinkBytes? {
        // The kernel's dumps come in at most 32 KiB.
        var buffer = [UInt8](repeating: 0, count: 32768)
        let here = descriptor
        while true {
            // The kernel writes at most the buffer's length.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(here, $0.baseAddress, $0.count, 0) }
            if count >= 0 { return NetlinkBytes(bytes: buffer[..<count]) }
            if errno == EAGAIN { return nil }
            if errno != EINTR { throw SystemError.last("recv", "netlink") }
        }
    }
}
