public import ControlPlane
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import Synchronization

/// A member's end of the XCF link (docs/link.md): connects to the router, and again whenever that ends, after 50 ms at
/// first and a second at most. Used like `LinkServer`, from any thread that is not an async task's.
public final class LinkClient: Sendable {
    public enum Event: Sendable {
        /// To be answered by a hello.
        case connected(LinkConnection)
        case message(LinkConnection, RouterMessage)
        /// An entry of a kind or a form that this build does not know, in its place between the others: it counts as done,
        /// and is refused as `.unreadable` where its key can be seen.
        case unreadable(LinkConnection, number: UInt64, ShadowEntry.Key?)
        /// Of one that was connected, or of an attempt that failed for another reason than the one before.
        case disconnected(LinkEnd)
    }

    struct State {
        var nextConnection: UInt64 = 1
        /// The one that is connected.
        var current: (connection: LinkConnection, outbox: Outbox<XCFFromMember>)?
        var channel: (any Channel)?
        var lastEnd: LinkEnd?
        var report = LinkReport()
        var isStopped = false
    }

    let state = Mutex(State())
    let inbox: Inbox<Event>
    let wrapping: LinkWrapping
    let outgoingBytes: Int
    let router: ControlPlane.SocketAddress
    let security: HTTP2ClientTransport.Posix.TransportSecurity
    /// What the router's certificate was refused for in this attempt.
    let refusal: RefusalNote
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// Begins to connect, until `stop`. `routerName` must be in the router's certificate. `nudge` as of `LinkServer`. Throws
    /// when the credentials are none that TLS can use.
    public init(
        router: ControlPlane.SocketAddress, routerName: String, credentials: LinkCredentials, wrapping: LinkWrapping,
        outgoingBytes: Int = LinkBounds.outgoingBytes, nudge: @escaping @Sendable () -> Void
    ) throws {
        inbox = Inbox(nudge: nudge)
        self.wrapping = wrapping
        self.outgoingBytes = outgoingBytes
        self.router = router
        let refusal = RefusalNote()
        self.refusal = refusal
        let judge = MemberJudge(authorities: credentials.authorities, expected: [routerName], use: .server)
        security = try LinkTransport.clientSecurity(
            credentials, judge: judge.callback { fault, _ in refusal.put(fault) })
        running.withLock { $0 = Task.detached { await self.run() } }
    }

    public func takeEvents() -> [Event] { inbox.takeAll() }

    /// False when there is no connection, or no room. Traps when the message is longer than `LinkBounds` says.
    public func send(_ message: MemberMessage) -> Bool {
        let outbox = state.withLock { $0.current?.outbox }
        guard let outbox else { return false }
        let written = XCFFromMember(message)
        let isPut = outbox.put(written, byteCount: written.byteCount)
        state.withLock { state in
            if isPut { state.report.messagesOut += 1 } else { state.report.full += 1 }
        }
        return isPut
    }

    /// Ends the connection and begins anew.
    public func reconnect() {
        state.withLock { state in
            state.current?.outbox.finish(dropping: true)
            return state.channel
        }?.abort()
    }

    public var report: LinkReport { state.withLock { $0.report } }

    /// Ends the connection for good; nothing comes afterwards but what has come.
    public func stop() {
        running.withLock { $0 }?.cancel()
        let (outbox, channel) = state.withLock { state in
            state.isStopped = true
            return (state.current?.outbox, state.channel)
        }
        outbox?.finish(dropping: true)
        channel?.abort()
        inbox.release()
    }
}
