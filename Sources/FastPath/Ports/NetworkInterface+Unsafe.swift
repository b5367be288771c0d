internal import CBPF
internal import Glibc

/// What the kernel said about an interface of the calling thread's network namespace.
struct NetworkInterface {
    let name: String
    let index: Int32
    /// Bytes, without the link header.
    let mtu: Int
    let receiveQueues: Int

    /// An Ethernet header with two VLAN tags.
    static let longestLinkHeader = 14 + 2 * 4

    /// Bytes of the longest frame that it should meet.
    var longestFrame: Int { mtu + Self.longestLinkHeader }

    init(_ name: String) throws(PortFailure) {
        var answer = cbpf_interface()
        // Both pointers are used during the call only.
        let failure = unsafe cbpf_interface_query(name, &answer)
        guard failure == 0 else { throw PortFailure("interface \(name)", errno: failure) }
        // ARPHRD_ETHER, 1: frames begin with an Ethernet header (loopback's do, too, but nothing comes in there).
        guard answer.link_type == 1 else { throw PortFailure("interface \(name) is not Ethernet") }
        self.name = name
        index = answer.index
        mtu = Int(answer.mtu)
        receiveQueues = Int(answer.receive_queues)
    }

    /// Of any kind of interface.
    static func index(of name: String) throws(PortFailure) -> Int32 {
        // The name is used during the call only.
        let index = unsafe if_nametoindex(name)
        guard index != 0 else { throw PortFailure("interface \(name)", errno: ENODEV) }
        return Int32(index)
    }
}
