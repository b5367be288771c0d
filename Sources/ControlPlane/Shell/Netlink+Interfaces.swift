internal import Glibc
public import Wire

/// A network interface as the kernel has it.
public struct InterfaceDescription: Sendable, Equatable {
    public var index: UInt32
    public var name: String
    /// Bytes.
    public var mtu: Int
    /// nil where there is none, as with TUN.
    public var linkAddress: MACAddress?
    public var isUp: Bool
}

/// struct ifinfomsg: family, padding, type, index, flags, change; struct ifaddrmsg: family, prefix length, flags,
/// scope, index.
extension Netlink {
    private enum Attribute {
        static let linkAddress: UInt16 = 1, name: UInt16 = 3, mtu: UInt16 = 4
        static let address: UInt16 = 1, localAddress: UInt16 = 2, addressFlags: UInt16 = 8
    }
    private static let up: UInt32 = 1

    /// Throws ENODEV when there is none of the name.
    public mutating func interface(named name: String) throws(SystemError) -> InterfaceDescription {
        // The kernel holds names of at most 15 bytes.
        guard (1...15).contains(name.utf8.count) else { throw SystemError("look up interface", name, code: ENODEV) }
        var message = message(Kind.getLink, Flag.acknowledge)
        appendLink(to: &message, index: 0, flags: 0, change: 0)
        message.attribute(Attribute.name, name)
        let answers = try ask(message, "look up interface", name)
        guard let link = answers.first, link.count >= 16 else {
            throw SystemError("look up interface", name, code: ENODEV)
        }
        let attributes = link.attributes(from: 16)
        let mtu = attributes[Attribute.mtu]
        return InterfaceDescription(
            index: link.number(at: 4), name: name,
            mtu: mtu.map { $0.count == 4 ? Int($0.number(UInt32.self, at: 0)) : 0 } ?? 0,
            linkAddress: attributes[Attribute.linkAddress]?.linkAddress,
            isUp: link.number(UInt32.self, at: 8) & Self.up != 0)
    }

    /// Sets the MTU (bytes) and brings the interface up.
    public mutating func bringUp(_ interface: InterfaceDescription, mtu: Int) throws(SystemError) {
        var message = message(Kind.newLink, Flag.acknowledge)
        appendLink(to: &message, index: interface.index, flags: Self.up, change: Self.up)
        message.attribute(Attribute.mtu, UInt32(clamping: mtu))
        try change(message, "bring up", interface.name)
    }

    /// Puts a single address (/32 or /128) on the interface, IPv6 without duplicate address detection: a DVIPA is on
    /// many hosts by design.
    public mutating func addAddress(_ address: IPAddress, to interface: InterfaceDescription) throws(SystemError) {
        var message = message(Kind.newAddress, Flag.acknowledge | Flag.create | Flag.replace)
        appendAddress(address, interface, to: &message)
        try change(message, "add address \(address) to", interface.name)
    }

    public mutating func deleteAddress(_ address: IPAddress, from interface: InterfaceDescription) throws(SystemError) {
        var message = message(Kind.deleteAddress, Flag.acknowledge)
        appendAddress(address, interface, to: &message)
        try change(message, "delete address \(address) from", interface.name, tolerated: EADDRNOTAVAIL, ENODEV)
    }

    private func appendLink(to message: inout NetlinkMessage, index: UInt32, flags: UInt32, change: UInt32) {
        message.append(UInt32(0))
        message.append(index)
        message.append(flags)
        message.append(change)
    }

    private func appendAddress(
        _ address: IPAddress, _ interface: InterfaceDescription, to message: inout NetlinkMessage
    ) {
        message.append(address.family)
        message.append(address.width)
        // IFA_F_NODAD.
        let flags: UInt8 = address.isV4 ? 0 : 2
        message.append(flags)
        message.append(UInt8(0))
        message.append(interface.index)
        message.attribute(Attribute.localAddress, address)
        message.attribute(Attribute.address, address)
    }
}
