internal import Glibc
internal import Wire

/// A bound UDP socket that never blocks.
@safe public struct UDPSocket: ~Copyable, Sendable {
    /// For `poll` and the like; it is closed with the socket.
    public let descriptor: Int32

    /// Port 0: the kernel chooses, see `localAddress`.
    public init(bind local: SocketAddress) throws(SystemError) {
        let family = local.address.isV4 ? AF_INET : AF_INET6
        descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SystemError.last("socket", "\(local)") }
        let here = descriptor
        // The address is read during the call only.
        let bound = unsafe local.withKernelForm { unsafe bind(here, $0, $1) }
        guard bound == 0 else {
            let error = SystemError.last("bind", "\(local)")
            close(here)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Asks the kernel to keep up to so many bytes of datagrams that wait, its own account of them included; a process that
    /// may not have so much gets what the system allows.
    public borrowing func keep(byteCount: Int32) {
        var wanted = byteCount
        let size = socklen_t(MemoryLayout<Int32>.size)
        // The kernel reads one Int32 during each call.
        if unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, size) != 0 {
            unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &wanted, size)
        }
    }

    public var localAddress: SocketAddress? {
        var form = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let here = descriptor
        return unsafe withUnsafeMutableBytes(of: &form) { bytes -> SocketAddress? in
            // The kernel writes at most `length` bytes, the size of the buffer.
            let failed = unsafe getsockname(here, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, &length)
            guard failed == 0 else { return nil }
            // sa_family comes first in every sockaddr; the span ends with this closure.
            let family = unsafe Int32(bytes.load(as: sa_family_t.self))
            return unsafe SocketAddress(kernelForm: UnsafeRawBufferPointer(bytes).bytes, family: family)
        }
    }

    /// False when the kernel has no room for it now or nobody listens there: UDP may lose a datagram at any time.
    /// Throws what no later try would mend.
    @discardableResult
    public borrowing func send(_ bytes: [UInt8], to remote: SocketAddress) throws(SystemError) -> Bool {
        let here = descriptor
        // Both buffers are read during the call only, for their own lengths.
        let sent = unsafe bytes.withUnsafeBytes { data in
            unsafe remote.withKernelForm { unsafe sendto(here, data.baseAddress, data.count, 0, $0, $1) }
        }
        if sent >= 0 { return true }
        switch errno {
        case EAGAIN, ENOBUFS, ECONNREFUSED, EINTR, EHOSTUNREACH, ENETUNREACH, EPERM, EHOSTDOWN: return false
        default: throw SystemError.last("sendto", "\(remote)")
        }
    }

    /// The next datagram, at most as long as `buffer` (what is longer is cut and says so by `count` being beyond it);
    /// nil when none waits.
    public borrowing func receive(into buffer: inout [UInt8]) throws(SystemError) -> (count: Int, from: SocketAddress)?
    {
        var form = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let here = descriptor
        while true {
            // The kernel writes at most the lengths given, those of the two buffers; the span ends with the closure.
            let (count, source) = unsafe withUnsafeMutableBytes(of: &form) { address -> (Int, SocketAddress?) in
                let count = unsafe buffer.withUnsafeMutableBytes { data in
                    unsafe recvfrom(
                        here, data.baseAddress, data.count, Int32(MSG_TRUNC),
                        address.assumingMemoryBound(to: sockaddr.self).baseAddress!, &length)
                }
                guard count >= 0 else { return (count, nil) }
                let family = unsafe Int32(address.load(as: sa_family_t.self))
                return unsafe (count, SocketAddress(kernelForm: UnsafeRawBufferPointer(address).bytes, family: family))
            }
            if let source { return (count, source) }
            switch errno {
            case EAGAIN: return nil
            // An ICMP error of an earlier datagram; the next one may be there.
            case EINTR, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: continue
            default: throw SystemError.last("recvfrom", "UDP socket")
            }
        }
    }
}
