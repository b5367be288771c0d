internal import Glibc
internal import Wire

/// A UDP port at which the kernel takes ESP out of UDP (RFC 3948) and gives it to its SAs. Nothing is read from it.
@safe struct ESPInUDPSocket: ~Copyable {
    private let socket: UDPSocket

    // linux/udp.h, linux/in.h, linux/in6.h.
    private static let encapsulation: Int32 = 100, espInUDP: Int32 = 2
    private static let policy4: Int32 = 17, policy6: Int32 = 35

    /// Throws EADDRINUSE where somebody else, an IKE daemon for instance, has the port.
    init(at address: IPAddress, port: UInt16) throws(SystemError) {
        let local = SocketAddress(address: address, port: port)
        let socket = try UDPSocket(bind: local)
        var kind = Self.espInUDP
        // The kernel reads one Int32 during the call.
        let failed = unsafe setsockopt(
            socket.descriptor, Int32(IPPROTO_UDP), Self.encapsulation, &kind, socklen_t(MemoryLayout<Int32>.size))
        guard failed == 0 else { throw SystemError.last("take ESP out of UDP at", "\(local)") }
        // What is in UDP is not asked for IPsec a second time, whatever the selectors of transport mode say: a policy of the
        // socket's own (struct xfrm_userpolicy_info) that allows all of the family in.
        var policy = [UInt8](repeating: 0, count: 168)
        policy[1.littleEndian == 1 ? 40 : 41] = address.family
        let (level, option) = address.isV4 ? (Int32(IPPROTO_IP), Self.policy4) : (Int32(IPPROTO_IPV6), Self.policy6)
        let descriptor = socket.descriptor
        // Read during the call only, for its own length.
        let refused = unsafe policy.withUnsafeBytes {
            unsafe setsockopt(descriptor, level, option, $0.baseAddress, socklen_t($0.count))
        }
        guard refused == 0 else { throw SystemError.last("let ESP in UDP pass at", "\(local)") }
        self.socket = socket
    }
}
