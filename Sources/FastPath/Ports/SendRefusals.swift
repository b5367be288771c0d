internal import Glibc

/// How often the kernel did not take a packet, by errno.
struct SendRefusals: ~Copyable {
    private var counts = Slab<UInt64>(repeating: 0, count: 256)

    @inline(__always)
    mutating func count(_ code: Int32) { counts[Int(code & 255)] &+= 1 }

    /// Those that occurred, as "send_refused_ENOBUFS", or with the number where the name is not among the usual ones.
    func snapshot() -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for code in 0..<counts.count where counts[code] > 0 {
            result["send_refused_\(Self.name(Int32(code)))"] = counts[code]
        }
        return result
    }

    private static func name(_ code: Int32) -> String {
        switch code {
        case EMSGSIZE: "EMSGSIZE"
        case ENOBUFS: "ENOBUFS"
        case EAGAIN: "EAGAIN"
        case ENETUNREACH: "ENETUNREACH"
        case EHOSTUNREACH: "EHOSTUNREACH"
        case ENETDOWN: "ENETDOWN"
        case EACCES: "EACCES"
        case EPERM: "EPERM"
        case EINVAL: "EINVAL"
        case EIO: "EIO"
        default: "\(code)"
        }
    }
}
