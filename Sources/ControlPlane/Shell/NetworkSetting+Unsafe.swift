internal import Glibc

/// One number among the kernel's network settings (`/proc/sys/net`, sysctl(8)), in the network namespace of the calling
/// thread.
public struct NetworkSetting: Sendable, Hashable, CustomStringConvertible {
    /// Dotted, as sysctl writes it: `net.ipv4.conf.all.arp_ignore`. None of ours has a dot within a part.
    public let name: String

    public init(_ name: String) { self.name = name }

    public var description: String { name }

    private var path: String { "/proc/sys/" + String(name.map { $0 == "." ? "/" : $0 }) }

    /// Throws EPROTO when the file holds no single number.
    public func value() throws(SystemError) -> Int {
        let file = try open(O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: 64)
        // The kernel writes at most the array's length.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file.descriptor, $0.baseAddress!, $0.count) }
        guard count >= 0 else { throw SystemError.last("read", path) }
        let digits = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
            throw SystemError("read", path, code: EPROTO)
        }
        return value
    }

    public func set(_ value: Int) throws(SystemError) {
        let file = try open(O_WRONLY)
        let bytes = Array("\(value)\n".utf8)
        // The array is read during the call only, for its own length.
        let count = unsafe bytes.withUnsafeBytes { unsafe write(file.descriptor, $0.baseAddress!, $0.count) }
        guard count == bytes.count else { throw SystemError.last("write \(value) to", path) }
    }

    private func open(_ flags: Int32) throws(SystemError) -> OpenFile {
        // The path is a terminated string for the length of the call.
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        return OpenFile(descriptor: descriptor)
    }
}
