internal import Glibc
internal import Wire

/// A TCP socket that listens; who takes its descriptor closes it.
package enum ListeningSocket {
    private static let backlog: Int32 = 128

    /// Its descriptor, and the port, which the kernel has chosen when `address` has port 0.
    package static func open(_ address: SocketAddress) throws(SystemError) -> (descriptor: Int32, port: UInt16) {
        let family = address.address.isV4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket", address) }
        do throws(SystemError) {
            var on: Int32 = 1
            // `on` is as long as the option, and alive during the call.
            guard
                unsafe setsockopt(
                    descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size)) == 0
            else { throw failure("setsockopt", address) }
            // The kernel's form of the address is alive during the call.
            guard unsafe address.withKernelForm({ unsafe bind(descriptor, $0, $1) }) == 0 else {
                throw failure("bind", address)
            }
            guard listen(descriptor, backlog) == 0 else { throw failure("listen", address) }
            var form = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            // sockaddr_storage holds every address; the port stands in the same place of both families.
            let port = unsafe withUnsafeMutablePointer(to: &form) { form -> UInt16? in
                unsafe form.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(descriptor, $0, &length) == 0
                }
                    ? unsafe form.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                        unsafe UInt16(bigEndian: $0.pointee.sin_port)
                    } : nil
            }
            guard let port else { throw failure("getsockname", address) }
            return (descriptor, port)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func failure(_ operation: String, _ address: SocketAddress) -> SystemError {
        SystemError(operation, "\(address)", code: errno)
    }
}
