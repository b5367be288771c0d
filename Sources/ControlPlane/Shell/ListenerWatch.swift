public import Associations

/// Whether somebody listens for the services of this host, and how many connections wait, as the kernel of the calling thread's
/// network namespace knows it. Asking costs a few system calls and as much as there are listeners: once or twice a second
/// is plenty.
public struct ListenerWatch: ~Copyable {
    private let services: [Service]
    private let protocols: [UInt8]
    private let interface: UInt32
    private var netlink: Netlink

    /// `services`: those of this target. `interface`: the index of the device behind which the DVIPAs are; sockets that are
    /// bound to another one serve nobody.
    public init(services: [Service], interface: UInt32) throws(SystemError) {
        self.services = services
        self.interface = interface
        protocols = Set(services.map(\.ipProtocol)).intersection(Service.listening).sorted()
        netlink = try Netlink(.sockets)
    }

    /// One for each service, in the order given.
    public mutating func reports() throws(SystemError) -> [MemberMessage.ServiceReport] {
        var listeners: [Listener] = []
        for ipProtocol in protocols {
            listeners += try netlink.listeners(ipProtocol: ipProtocol, interface: interface)
        }
        return services.map { $0.report(among: listeners) }
    }
}
