internal import Glibc
public import Wire

/// An address and a port (host order).
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    public var description: String { address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    /// The kernel's form, in a buffer that is valid for the call only.
    func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        if address.isV4 {
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr.s_addr = address.v4.bigEndian
            // sockaddr_in is what the kernel expects behind a sockaddr of this family, with this length.
            return unsafe withUnsafeBytes(of: form) {
                unsafe body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
            }
        }
        var form = sockaddr_in6()
        form.sin6_family = sa_family_t(AF_INET6)
        form.sin6_port = port.bigEndian
        // 16 bytes of wire order in the union of 16 bytes.
        unsafe withUnsafeMutableBytes(of: &form.sin6_addr) {
            unsafe $0.storeBytes(of: address.high.bigEndian, toByteOffset: 0, as: UInt64.self)
            unsafe $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        // sockaddr_in6 likewise.
        return unsafe withUnsafeBytes(of: form) {
            unsafe body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
        }
    }

    /// What the kernel wrote into a sockaddr_in6-sized buffer; nil for another family.
    init?(kernelForm bytes: RawSpan, family: Int32) {
        switch family {
        case AF_INET: self.init(address: IPAddress(v4: bytes.bigEndian32(at: 4)), port: bytes.bigEndian16(at: 2))
        case AF_INET6:
            let address = IPAddress(high: bytes.bigEndian64(at: 8), low: bytes.bigEndian64(at: 16))
            self.init(address: address, port: bytes.bigEndian16(at: 2))
        default: return nil
        }
    }
}
