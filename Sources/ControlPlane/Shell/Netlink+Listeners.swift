internal import Glibc
internal import Wire

/// Sockets as `ss` sees them (`man 7 sock_diag`): struct inet_diag_req_v2 and inet_diag_msg of linux/inet_diag.h.
///
/// ```
/// request  family 1, protocol 1, extensions 1, 0, states 4, then the id with zeros: any
/// answer   family 1, state 1, timer 1, retransmissions 1, id, expires 4, receive queue 4, send queue 4, user 4, inode 4
/// id       source port 2, destination port 2, source 16, destination 16, interface 4, cookie 8
/// ```
///
/// Ports and addresses are in network order. The queues of a listener are the connections that wait to be accepted and how many
/// may wait.
extension Netlink {
    private enum Offset {
        static let port = 4, source = 8, interface = 40, receiveQueue = 56, sendQueue = 60, attributes = 72
    }
    /// INET_DIAG_SKV6ONLY.
    private static let onlyV6: UInt16 = 11

    /// Of a protocol, TCP or UDP, and both families. Those that are bound to a device other than `interface` are left out.
    mutating func listeners(ipProtocol: UInt8, interface: UInt32) throws(SystemError) -> [Listener] {
        // TCP_LISTEN; UDP sockets that are not connected are in TCP_CLOSE.
        let states: UInt32 = ipProtocol == 6 ? 1 << 10 : 1 << 7
        var listeners: [Listener] = []
        for family in [2, 10] as [UInt8] {
            var message = message(Kind.socketsByFamily, Flag.dump)
            for byte in [family, ipProtocol, 0, 0] { message.append(byte) }
            message.append(states)
            for _ in 0..<12 { message.append(UInt32(0)) }
            listeners += try ask(message, "list listeners of protocol", "\(ipProtocol)")
                .compactMap { Self.listener($0, ipProtocol, family, interface) }
        }
        return listeners
    }

    /// nil for what is too short, bound to nothing, or to another device.
    private static func listener(
        _ answer: NetlinkBytes, _ ipProtocol: UInt8, _ family: UInt8, _ interface: UInt32
    ) -> Listener? {
        guard answer.count >= Offset.attributes, answer.number(UInt8.self, at: 0) == family else { return nil }
        let device = answer.number(UInt32.self, at: Offset.interface)
        let port = UInt16(bigEndian: answer.number(at: Offset.port))
        let byteCount = family == 2 ? 4 : 16
        guard device == 0 || device == interface, port != 0,
            let address = NetlinkBytes(bytes: answer.from(Offset.source).bytes.prefix(byteCount)).address
        else { return nil }
        let isOnlyV6 = answer.attributes(from: Offset.attributes)[onlyV6]?.bytes.first.map { $0 != 0 } ?? false
        let isWild = family == 2 ? address.v4 == 0 : address.high == 0 && address.low == 0
        let place: Listener.Place =
            !isWild ? .address(address) : family == 2 ? .everyV4 : isOnlyV6 ? .everyV6 : .everywhere
        let isTCP = ipProtocol == 6
        return Listener(
            ipProtocol: ipProtocol, place: place, port: port,
            queued: isTCP ? answer.number(at: Offset.receiveQueue) : 0,
            backlog: isTCP ? answer.number(at: Offset.sendQueue) : 0)
    }
}
