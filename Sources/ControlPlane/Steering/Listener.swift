public import Associations
public import Wire

/// A socket that takes what clients send first: a TCP listener, or a UDP socket that is bound and not connected.
public struct Listener: Sendable, Hashable {
    public enum Place: Sendable, Hashable {
        case address(IPAddress)
        case everyV4
        case everyV6
        /// The IPv6 wildcard of a socket that takes IPv4, too.
        case everywhere
    }

    /// IANA protocol number.
    public var ipProtocol: UInt8
    public var place: Place
    public var port: UInt16
    /// Connections that wait to be accepted, and how many may; both 0 with UDP.
    public var queued: UInt32
    public var backlog: UInt32

    public init(ipProtocol: UInt8, place: Place, port: UInt16, queued: UInt32 = 0, backlog: UInt32 = 0) {
        self.ipProtocol = ipProtocol
        self.place = place
        self.port = port
        self.queued = queued
        self.backlog = backlog
    }

    func serves(_ service: Service) -> Bool {
        guard ipProtocol == service.ipProtocol, service.ports.contains(where: { $0.contains(port) }) else {
            return false
        }
        switch place {
        case .address(let address): return address == service.dvipa
        case .everyV4: return service.dvipa.isV4
        case .everyV6: return !service.dvipa.isV4
        case .everywhere: return true
        }
    }
}

extension Service {
    /// IANA protocol numbers of what the kernel has sockets for that listen.
    static let listening: Set<UInt8> = [6, 17]

    /// How this service is, among what listens on a host. Of several queues the fullest counts. What has no sockets to ask
    /// about is taken for served.
    public func report(among listeners: [Listener]) -> MemberMessage.ServiceReport {
        guard Self.listening.contains(ipProtocol) else {
            return MemberMessage.ServiceReport(service: name, isListening: true)
        }
        let ours = listeners.filter { $0.serves(self) }
        let isListening = ports.allSatisfy { range in ours.contains { range.contains($0.port) } }
        let fullest = ours.filter { $0.backlog > 0 }.max {
            UInt64($0.queued) * UInt64($1.backlog) < UInt64($1.queued) * UInt64($0.backlog)
        }
        return MemberMessage.ServiceReport(
            service: name, isListening: isListening, queued: fullest?.queued ?? 0, backlog: fullest?.backlog ?? 0)
    }
}
