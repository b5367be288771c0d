internal import Glibc
internal import Wire

/// GRE as the kernel does it (linux/if_tunnel.h).
extension Netlink {
    private enum Attribute {
        static let name: UInt16 = 3, linkInformation: UInt16 = 18
        static let kind: UInt16 = 1, data: UInt16 = 2
        static let inputFlags: UInt16 = 2, inputKey: UInt16 = 4, local: UInt16 = 6, remote: UInt16 = 7
    }
    private static let deleteLink: UInt16 = 17
    /// GRE_KEY, in network order.
    private static let hasKey = UInt16(0x2000).bigEndian

    /// Takes what comes in GRE from `remote` to `local` with this key, IPv4 addresses both, and makes it come out of an interface
    /// of this name, which is still down. Throws EOPNOTSUPP where the kernel has no GRE.
    mutating func addGRE(_ name: String, from remote: IPAddress, to local: IPAddress, key: UInt32) throws(SystemError) {
        try putGRE(name, Flag.create | Flag.exclusive, remote, local, key)
    }

    /// Another key, at once and for good.
    mutating func rekeyGRE(
        _ name: String, from remote: IPAddress, to local: IPAddress, key: UInt32
    ) throws(SystemError) {
        try putGRE(name, 0, remote, local, key)
    }

    mutating func deleteLink(_ name: String) throws(SystemError) {
        var message = message(Self.deleteLink, Flag.acknowledge)
        appendLink(to: &message)
        message.attribute(Attribute.name, name)
        try change(message, "delete interface", name, tolerated: ENODEV)
    }

    private mutating func putGRE(
        _ name: String, _ flags: UInt16, _ remote: IPAddress, _ local: IPAddress, _ key: UInt32
    ) throws(SystemError) {
        func nested(_ fill: (inout NetlinkMessage) -> Void) -> [UInt8] {
            var value = NetlinkMessage(type: 0, flags: 0, sequence: 0)
            fill(&value)
            return Array(value.bytes[NetlinkMessage.headerByteCount...])
        }
        let data = nested {
            var flags = NetlinkMessage(type: 0, flags: 0, sequence: 0)
            flags.append(Self.hasKey)
            $0.attribute(Attribute.inputFlags, Array(flags.bytes[NetlinkMessage.headerByteCount...]))
            $0.attribute(Attribute.inputKey, key.bigEndian)
            $0.attribute(Attribute.local, local)
            $0.attribute(Attribute.remote, remote)
        }
        var message = message(Kind.newLink, Flag.acknowledge | flags)
        appendLink(to: &message)
        message.attribute(Attribute.name, name)
        message.attribute(
            Attribute.linkInformation,
            nested {
                $0.attribute(Attribute.kind, "gre")
                $0.attribute(Attribute.data, data)
            })
        try change(message, "make the GRE interface", name)
    }

    /// struct ifinfomsg.
    private func appendLink(to message: inout NetlinkMessage) {
        for _ in 0..<4 { message.append(UInt32(0)) }
    }
}
