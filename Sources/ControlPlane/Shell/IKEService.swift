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
        /// The number behind the highest one that the sequencers granted, by outbound SA.
        public var granted: @Sendable () -> [SPI: UInt64]

        public init(
            apply: @escaping @Sendable (ShadowEntry) -> Void, log: @escaping @Sendable (String) -> Void,
            received: @escaping @Sendable () -> [AssociationUsage], granted: @escaping @Sendable () -> [SPI: UInt64]
        ) {
            self.apply = apply
            self.log = log
            self.received = received
            self.granted = granted
        }
    }

    private final class Shared: Sendable {
        let report = Mutex(IKEReport())
        let commands = Mutex<[IKECommand]>([])
    }

    private let shared = Shared()
    private let thread: ServiceThread

    public init(_ settings: Settings, hooks: Hooks) throws(SystemError) {
        let sockets = try IKESockets(settings.listen, link: settings.link)
        let shared = shared
        thread = try ServiceThread(name: "ike") { context in
            var loop = IKELoop(settings, hooks, sockets)
            loop.run(
                context,
                commands: {
                    shared.commands.withLock { commands in
                        defer { commands = [] }
                        return commands
                    }
                }, publish: { report in shared.report.withLock { $0 = report } })
        }
    }

    public var report: IKEReport { shared.report.withLock { $0 } }

    /// Done as soon as the thread comes to it; what came of it is in the log and the report.
    public func order(_ command: IKECommand) {
        shared.commands.withLock { $0.append(command) }
        thread.nudge()
    }

    /// Tells the peers that their SAs are gone, and waits until the thread has ended.
    public func stop() { thread.stop() }
}
