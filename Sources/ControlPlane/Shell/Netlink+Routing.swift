internal import Glibc
public import Wire

/// Which packets go to a TUN device: a rule of policy routing that names a table of ours.
public struct RoutingRule: Sendable, Hashable, CustomStringConvertible {
    public enum Match: Sendable, Hashable {
        /// A target's answers: packets from the DVIPA.
        case from(Prefix)
        /// An endpoint's traffic: packets to what its SAs protect.
        case to(Prefix)

        public var family: Netlink.Family {
            switch self {
            case .from(let prefix), .to(let prefix): prefix.address.isV4 ? .v4 : .v6
            }
        }
    }

    public var match: Match
    /// Packets that bear any of these bits in their mark are left alone: what leaves already protected must not come
    /// back. 0: no such exception.
    public var exceptMark: UInt32
    public var table: UInt32
    /// Lower ones are asked first; the main table has 32766.
    public var priority: UInt32

    public init(match: Match, exceptMark: UInt32, table: UInt32, priority: UInt32) {
        self.match = match
        self.exceptMark = exceptMark
        self.table = table
        self.priority = priority
    }

    public var description: String {
        switch match {
        case .from(let prefix): "rule from \(prefix) to table \(table)"
        case .to(let prefix): "rule to \(prefix) to table \(table)"
        }
    }
}

/// struct rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags. struct fib_rule_hdr
/// has the same layout up to the table, then two bytes reserved, action, flags.
extension Netlink {
    private enum Attribute {
        static let outputInterface: UInt16 = 4, preferredSource: UInt16 = 7, routeTable: UInt16 = 15
        static let ruleDestination: UInt16 = 1, ruleSource: UInt16 = 2, rulePriority: UInt16 = 6
        static let ruleMark: UInt16 = 10, ruleTable: UInt16 = 15, ruleMask: UInt16 = 16
    }

    public enum Family: Sendable, Hashable { case v4, v6 }

    /// Sends everything the table is asked for through the interface.
    ///
    /// - Parameter source: The address that the host's own packets get when their socket names none; it must be a local
    ///   one. Without it the kernel takes one of the interface, or, where that has none, of any other.
    public mutating func addDefaultRoute(
        _ family: Family, through interface: InterfaceDescription, table: UInt32,
        preferredSource source: IPAddress? = nil
    ) throws(SystemError) {
        var message = message(Kind.newRoute, Flag.acknowledge | Flag.create | Flag.replace)
        appendRoute(family, interface, table, to: &message)
        if let source { message.attribute(Attribute.preferredSource, source) }
        let from = source.map { " from \($0)" } ?? ""
        try change(message, "add default route of table \(table)\(from) through", interface.name)
    }

    public mutating func deleteDefaultRoute(
        _ family: Family, through interface: InterfaceDescription, table: UInt32
    ) throws(SystemError) {
        var message = message(Kind.deleteRoute, Flag.acknowledge)
        appendRoute(family, interface, table, to: &message)
        try change(message, "delete default route of table \(table) through", interface.name, tolerated: ESRCH, ENODEV)
    }

    public mutating func addRule(_ rule: RoutingRule) throws(SystemError) {
        var message = message(Kind.newRule, Flag.acknowledge | Flag.create | Flag.exclusive)
        appendRule(rule, to: &message)
        try change(message, "add", "\(rule)", tolerated: EEXIST)
    }

    public mutating func deleteRule(_ rule: RoutingRule) throws(SystemError) {
        var message = message(Kind.deleteRule, Flag.acknowledge)
        appendRule(rule, to: &message)
        try change(message, "delete", "\(rule)", tolerated: ENOENT)
    }

    private func appendRoute(
        _ family: Family, _ interface: InterfaceDescription, _ table: UInt32, to message: inout NetlinkMessage
    ) {
        // RTPROT_STATIC, the scope of a link, RTN_UNICAST; the table is in the attribute, which holds larger ones.
        message.append(UInt8(family == .v4 ? AF_INET : AF_INET6))
        for byte in [0, 0, 0, 0, 4, 253, 1] as [UInt8] { message.append(byte) }
        message.append(UInt32(0))
        message.attribute(Attribute.routeTable, table)
        message.attribute(Attribute.outputInterface, interface.index)
    }

    private func appendRule(_ rule: RoutingRule, to message: inout NetlinkMessage) {
        let prefix: Prefix
        let isSource: Bool
        switch rule.match {
        case .from(let from): (prefix, isSource) = (from, true)
        case .to(let to): (prefix, isSource) = (to, false)
        }
        message.append(prefix.address.family)
        message.append(isSource ? 0 : prefix.length)
        message.append(isSource ? prefix.length : 0)
        // Type of service, table (see the attribute), two reserved, FR_ACT_TO_TBL.
        for byte in [0, 0, 0, 0, 1] as [UInt8] { message.append(byte) }
        message.append(UInt32(0))
        if prefix.length > 0 {
            message.attribute(isSource ? Attribute.ruleSource : Attribute.ruleDestination, prefix.address)
        }
        message.attribute(Attribute.rulePriority, rule.priority)
        message.attribute(Attribute.ruleTable, rule.table)
        // "Mark and these bits make 0". The kernel's "not" would turn the whole rule round, the addresses included.
        if rule.exceptMark != 0 {
            message.attribute(Attribute.ruleMark, UInt32(0))
            message.attribute(Attribute.ruleMask, rule.exceptMark)
        }
    }
}
