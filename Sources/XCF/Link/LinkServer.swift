public import ControlPlane
internal import Dispatch
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import NIOHTTP2
internal import NIOSSL
internal import Synchronization

/// The router's end of the XCF link (docs/link.md): members connect, say hello, and are heard and spoken to.
///
/// The thread that uses it is any thread, not an async task: it is nudged when there is something to take, and nothing it
/// calls waits, but for `stop`. Whether a member is let in (version, epoch, policy) is that thread's to say; who it is has
/// been proved by then.
public final class LinkServer: Sendable {
    public enum Event: Sendable {
        /// A member is there; its hello is the next message.
        case joined(member: String, LinkConnection)
        case message(member: String, LinkConnection, MemberMessage)
        /// Once for each that joined, also after `close`. Nothing of it comes afterwards.
        case left(member: String, LinkConnection, LinkEnd)
        /// Somebody was not let in; for the log.
        case refused(RefusedConnection)
    }

    public struct RefusedConnection: Sendable, Hashable, CustomStringConvertible {
        public var fault: LinkFault
        /// Who it says it is, or where it comes from, as far as that is known.
        public var who: String
        public var detail: String

        public var description: String { "\(who): \(fault)" + (detail.isEmpty ? "" : " (\(detail))") }
    }

    struct State {
        var nextConnection: UInt64 = 1
        var joined: [LinkConnection: JoinedMember] = [:]
        var newest: [String: LinkConnection] = [:]
        /// Every open connection by the name that gRPC gives it.
        var accepted: [String: AcceptedConnection] = [:]
        var report = LinkReport()
        var untoldRefusals = 0
        var isStopped = false
    }

    let state = Mutex(State())
    let inbox: Inbox<Event>
    let wrapping: LinkWrapping
    let members: Set<String>
    let served: ServedFacility?
    let outgoingBytes: Int
    /// Where it listens; with the port that was chosen when 0 was asked for.
    public let address: ControlPlane.SocketAddress
    private let serving = Mutex<(server: GRPCServer<HTTP2ServerTransport.Posix>, ended: DispatchSemaphore)?>(nil)

    /// Listens from here on. `members`: who may join. `facility`: served besides, as long as it listens; the caller's to close
    /// behind `stop`. `nudge` is called from any thread when there is something to take and
    /// was nothing before; it must not block. `outgoingBytes` of a connection wait at most. Throws when the address cannot
    /// be listened at.
    public init(
        listen: ControlPlane.SocketAddress, credentials: LinkCredentials, members: [String], wrapping: LinkWrapping,
        facility: ServedFacility? = nil, outgoingBytes: Int = LinkBounds.outgoingBytes,
        nudge: @escaping @Sendable () -> Void
    ) throws {
        inbox = Inbox(nudge: nudge)
        self.wrapping = wrapping
        self.members = Set(members)
        served = facility
        self.outgoingBytes = outgoingBytes
        let (descriptor, port) = try ListeningSocket.open(listen)
        address = ControlPlane.SocketAddress(address: listen.address, port: port)
        try start(descriptor, credentials)
    }

    deinit { serving.withLock { $0 }?.server.beginGracefulShutdown() }

    private func start(_ descriptor: Int32, _ credentials: LinkCredentials) throws {
        let judge = MemberJudge(
            authorities: credentials.authorities, expected: members.union(served?.writers ?? []), use: .client)
        let transport = HTTP2ServerTransport.Posix(
            listeningSocketDescriptor: Int(descriptor),
            transportSecurity: try LinkTransport.serverSecurity(
                credentials,
                judge: judge.callback { [weak self] fault, names in
                    self?.refused(fault, who: names.isEmpty ? "a stranger" : names.joined(separator: ", "))
                }),
            config: LinkTransport.serverConfig { [weak self] channel in
                channel.eventLoop.makeCompletedFuture { try self?.accept(channel) }
            })
        var services: [any RegistrableRPCService] = [MemberService(server: self)]
        if let served { services.append(FacilityService(server: self, served: served)) }
        let server = GRPCServer(transport: transport, services: services)
        let ended = DispatchSemaphore(value: 0)
        serving.withLock { $0 = (server, ended) }
        Task.detached {
            try? await server.serve()
            ended.signal()
        }
    }

    /// Everything that has come, in order; of one connection nothing before its `joined` or after its `left`.
    public func takeEvents() -> [Event] {
        let events = inbox.takeAll()
        state.withLock { $0.untoldRefusals = 0 }
        return events
    }

    /// False when the connection is not there any more, or has no room: then the caller closes it, and the member comes back
    /// and gets everything anew. Traps when the message is longer than `LinkBounds` says.
    public func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool {
        guard let member = state.withLock({ $0.joined[connection] }) else { return false }
        let written = XCFFromRouter(message, wrapping)
        let isPut = member.outbox.put(written, byteCount: written.byteCount)
        state.withLock { state in
            if isPut { state.report.messagesOut += 1 } else { state.report.full += 1 }
        }
        return isPut
    }

    /// Ends a connection; what was sent before is still written, within `LinkBounds.closing`.
    public func close(_ connection: LinkConnection) {
        leave(connection, .closed)
    }

    public var report: LinkReport { state.withLock { $0.report } }

    /// Ends all connections and listens no more; returns when the port is free, within two seconds. Not for async tasks.
    public func stop() {
        guard let (server, ended) = serving.withLock({ $0 }) else { return }
        let accepted = state.withLock { state in
            state.isStopped = true
            return Array(state.accepted.values)
        }
        server.beginGracefulShutdown()
        for connection in state.withLock({ Array($0.joined.keys) }) { leave(connection, .closed) }
        for connection in accepted { connection.channel.abort() }
        inbox.release()
        if ended.wait(timeout: .now() + 2) == .success { ended.signal() }
    }
}
