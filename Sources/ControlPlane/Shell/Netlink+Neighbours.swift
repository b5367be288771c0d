internal import Glibc
public import Wire

/// What the kernel knows about the way to an address on a link (ARP, RFC 826; neighbour discovery, RFC 4861 §7.3.2).
public struct Neighbour: Sendable, Hashable {
    public enum State: Sendable, Hashable {
        /// Asked for, no answer yet.
        case incomplete
        /// The address is good: confirmed lately, being confirmed, or set by hand.
        case reachable
        /// Good when last used, long ago.
        case stale
        /// No answer, or the entry is gone.
        case failed
    }

    public var interface: UInt32
    public var address: IPAddress
    public var linkAddress: MACAddress?
    public var state: State

    public init(interface: UInt32, address: IPAddress, linkAddress: MACAddress?, state: State) {
        self.interface = interface
        self.address = address
        self.linkAddress = linkAddress
        self.state = state
    }

    /// From struct ndmsg (family, padding, index, state, flags, type) and its attributes; nil when it is about
    /// something else, a bridge's or a multicast entry without an address for instance.
    init?(_ payload: NetlinkBytes, isDeleted: Bool) {
        guard payload.count >= 12 else { return nil }
        let attributes = payload.attributes(from: 12)
        // NDA_DST, NDA_LLADDR.
        guard [2, 10].contains(payload.number(UInt8.self, at: 0)), let address = attributes[1]?.address else {
            return nil
        }
        let bits = payload.number(UInt16.self, at: 8)
        // NUD_FAILED or none; NUD_INCOMPLETE; NUD_STALE; REACHABLE, DELAY, PROBE, NOARP and PERMANENT are all good.
        let state: State =
            isDeleted || bits & 0x20 != 0 || bits == 0
            ? .failed : bits & 1 != 0 ? .incomplete : bits & 4 != 0 ? .stale : .reachable
        self.init(
            interface: payload.number(at: 4), address: address,
            linkAddress: state == .failed || state == .incomplete ? nil : attributes[2]?.linkAddress, state: state)
    }
}

extension Netlink {
    /// All of both families on the interface.
    public mutating func neighbours(of interface: UInt32) throws(SystemError) -> [Neighbour] {
        var message = message(Kind.getNeighbour, Flag.dump)
        for word in [0, interface, 0] as [UInt32] { message.append(word) }
        return try ask(message, "list neighbours of", "interface \(interface)")
            .compactMap { Neighbour($0, isDeleted: false) }
            .filter { $0.interface == interface }
    }
}

/// Tells of every change of a neighbour in this network namespace.
public struct NeighbourSubscription: ~Copyable, Sendable {
    private let socket: NetlinkSocket

    /// Subscribe first, list afterwards: a change between the two is not missed.
    public init() throws(SystemError) {
        // RTMGRP_NEIGH.
        socket = try NetlinkSocket(groups: 4)
    }

    /// For `poll`.
    public var descriptor: Int32 { socket.descriptor }

    /// What has changed, empty when nothing has. Throws ENOBUFS when the kernel had to leave changes out: list anew.
    public func changes() throws(SystemError) -> [Neighbour] {
        var changes: [Neighbour] = []
        while let datagram = try socket.receive() {
            for message in datagram.messages() {
                switch message.type {
                case Netlink.Kind.newNeighbour:
                    changes += [Neighbour(message.payload, isDeleted: false)].compactMap(\.self)
                case Netlink.Kind.deleteNeighbour:
                    changes += [Neighbour(message.payload, isDeleted: true)].compactMap(\.self)
                default: break
                }
            }
        }
        return changes
    }
}
