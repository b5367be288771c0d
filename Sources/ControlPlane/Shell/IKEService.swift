public import Associations
internal import Synchronization
public import Wire

/// IKE on a thread and sockets of its own: ports 500 and 4500 of every address, the shadow link's port, and the machines
/// between them.
public final class IKEService: Sendable {
    public struct Settings: Sendable {
        /// Where peers find us.
        public var listen: [IPAddress]
        public var connections: [Connection]
        public var limits = HalfOpenLimits()
        /// The shadow link's end here, on the trusted link.
        public var link: SocketAddress
        /// The targets, and where their ends of the link are; their ports do not matter.
        public var holders: [HolderID: IPAddress]
        public var clusterKey: SecretBytes
        /// Of manual SAs: not given a second time.
        public var takenSPIs: Set<SPI> = []

        public init(
            listen: [IPAddress], connections: [Connection], link: SocketAddress, holders: [HolderID: IPAddress],
            clusterKey: SecretBytes
        ) {
            self.listen = listen
            self.connections = connections
            self.link = link
            self.holders = holders
            self.clusterKey = clusterKey
        }
    }

    /// What the thread calls. None of them may wait.
    public struct Hooks: Sendable {
        /// For the router's own packet path and its sequencers, before the targets are told.
        public var apply: @Sendable (ShadowEntry) -> Void
        public var log: @Sendable (String) -> Void
        /// What came under the inbound SAs, by the packet path's latest report.
        public var received: @Sendable () -> [AssociationUsage]
        /// The number behind the highest one that the sequencers granted, by outbound SA, where it has changed since the last
        /// call.
        public var granted: @Sendable () -> [SPI: UInt64]
        /// Says whether a peer's certificate is to be believed, once, later and on any thread.
        public var judge: @Sendable (PeerCertificate, @escaping @Sendable (CertificateVerdict) -> Void) -> Void

        public init(
            apply: @escaping @Sendable (ShadowEntry) -> Void, log: @escaping @Sendable (String) -> Void,
            received: @escaping @Sendable () -> [AssociationUsage], granted: @escaping @Sendable () -> [SPI: UInt64],
            judge: @escaping @Sendable (PeerCertificate, @escaping @Sendable (CertificateVerdict) -> Void) -> Void
        ) {
            self.apply = apply
            self.log = log
            self.received = received
            self.granted = granted
            self.judge = judge
        }
    }

    /// What others have left for the thread.
    struct Inbox: Sendable {
        var commands: [IKECommand] = []
        var verdicts: [(PeerSessions.ID, CertificateVerdict)] = []
    }

    private final class Shared: Sendable {
        let report = Mutex(IKEReport())
        let inbox = Mutex(Inbox())
        /// Ends the thread's sleep; there once the thread is.
        let nudge = Mutex<(@Sendable () -> Void)?>(nil)

        func leave(_ message: (inout Inbox) -> Void) {
            inbox.withLock { message(&$0) }
            nudge.withLock { $0 }?()
        }
    }

    private let shared = Shared()
    private let thread: ServiceThread

    public init(_ settings: Settings, hooks: Hooks) throws(SystemError) {
        let sockets = try IKESockets(settings.listen, link: settings.link)
        let shared = shared
        thread = try ServiceThread(name: "ike") { context in
            var loop = IKELoop(settings, hooks, sockets) { id, verdict in
                shared.leave { $0.verdicts.append((id, verdict)) }
            }
            loop.run(
                context,
                inbox: {
                    shared.inbox.withLock { inbox in
                        defer { inbox = Inbox() }
                        return inbox
                    }
                }, publish: { report in shared.report.withLock { $0 = report } })
        }
        let thread = thread
        shared.nudge.withLock { $0 = { thread.nudge() } }
    }

    public var report: IKEReport { shared.report.withLock { $0 } }

    /// Done as soon as the thread comes to it; what came of it is in the log and the report.
    public func order(_ command: IKECommand) {
        shared.leave { $0.commands.append(command) }
    }

    /// Tells the peers that their SAs are gone, and waits until the thread has ended.
    public func stop() {
        thread.stop()
        shared.nudge.withLock { $0 = nil }
    }
}
