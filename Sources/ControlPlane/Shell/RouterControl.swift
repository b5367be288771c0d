public import Associations
internal import Synchronization
public import Wire

/// The control plane of a router on a thread of its own: IKE on ports 500 and 4500 of every address, the XCF link to the
/// targets, and the machines between them.
public final class RouterControl: Sendable {
    public struct Settings: Sendable {
        /// Where peers find us; empty without IKE.
        public var listen: [IPAddress] = []
        public var connections: [Connection] = []
        public var limits = HalfOpenLimits()
        /// The targets by name, in the order of their holders: the place in this list is the holder's number.
        public var targets: [String]
        /// Of what all members must agree on.
        public var policyHash: [UInt8]
        /// Until the coupling facility gives another.
        public var epoch: Epoch
        /// Of the targets, in their order.
        public var weighings: [TargetRotation.Weighing]
        public var services: [Service] = []
        public var rotation = TargetRotation.Timing()
        public var whenLost = TargetRotation.WhenLost.move
        /// Who does for targets what they cannot, as the link knows it: the router's own name. nil: nobody.
        public var relay: String?
        /// As which the relay leases numbers: behind the targets.
        public var relayHolder: HolderID { HolderID(place: targets.count) }
        /// Manual outbound SAs, whose numbers are shared.
        public var sharedAssociations: [SecurityAssociation] = []
        /// Targets authenticate, and the packet path knows what they report.
        public var targetsVerify = false
        /// Of manual SAs: not given a second time.
        public var takenSPIs: Set<SPI> = []

        public init(targets: [String], policyHash: [UInt8], epoch: Epoch) {
            self.targets = targets
            weighings = targets.map { _ in .fixed(1) }
            self.policyHash = policyHash
            self.epoch = epoch
        }
    }

    /// What the thread calls. None of them may wait.
    public struct Hooks: Sendable {
        /// Called once, on the control's own thread: the link, whose events end the thread's sleep by calling what it is
        /// given. nil where there are no targets to link with.
        public var link: (@Sendable (_ nudge: @escaping @Sendable () -> Void) throws -> any RouterLink)?
        /// For the router's own packet path and its sequencers, before the targets are told. With a coupling facility, an
        /// outbound SA comes when its numbers below `Reservation.firstMark` are reserved.
        public var apply: @Sendable (ShadowEntry) -> Void
        /// For the packet path alone.
        public var publish: @Sendable (Publication) -> Void
        /// The leases of a target are under this key and in this epoch from now on.
        public var protect: @Sendable (HolderID, SecretBytes, Epoch) -> Void
        /// The coupling facility, started, whose nudge is `wake`; nil: nothing outlives this process.
        public var coupling: CouplingService?
        /// Numbers of a manual SA from the mark on are this router's to give.
        public var sequence: @Sendable (SecurityAssociation, _ mark: UInt64) -> Void = { _, _ in }
        /// A target lacks a transform: the relay is to join. Called for each such target.
        public var startRelay: @Sendable () -> Void = {}
        /// Whether numbers were reserved.
        public var reserved: @Sendable (SequencerService.Reserving, Bool) -> Void = { _, _ in }
        /// This router owns the addresses in a later epoch.
        public var advance: @Sendable (Epoch) -> Void = { _ in }
        /// Rounds of the packet loop, 0 before the first; nil: nobody watches it.
        public var rounds: (@Sendable () -> UInt64)?
        /// This router must not go on: why, for people.
        public var withdraw: @Sendable (String) -> Void = { _ in }
        public var log: @Sendable (String) -> Void
        /// What came under the inbound SAs, by the packet path's latest report.
        public var received: @Sendable () -> [AssociationUsage]
        /// Peers behind NATs that send from elsewhere now, by the router's own packet path; each once.
        public var sighted: @Sendable () -> [PeerSighting] = { [] }
        /// The number behind the highest one that the sequencers granted, by outbound SA, where it has changed since the last
        /// call.
        public var granted: @Sendable () -> [SPI: UInt64]
        /// Says whether a peer's certificate is to be believed, once, later and on any thread.
        public var judge: @Sendable (PeerCertificate, @escaping @Sendable (CertificateVerdict) -> Void) -> Void

        public init(
            link: (@Sendable (_ nudge: @escaping @Sendable () -> Void) throws -> any RouterLink)?,
            apply: @escaping @Sendable (ShadowEntry) -> Void, publish: @escaping @Sendable (Publication) -> Void,
            protect: @escaping @Sendable (HolderID, SecretBytes, Epoch) -> Void,
            log: @escaping @Sendable (String) -> Void,
            received: @escaping @Sendable () -> [AssociationUsage], granted: @escaping @Sendable () -> [SPI: UInt64],
            judge: @escaping @Sendable (PeerCertificate, @escaping @Sendable (CertificateVerdict) -> Void) -> Void
        ) {
            self.link = link
            self.apply = apply
            self.publish = publish
            self.protect = protect
            self.log = log
            self.received = received
            self.granted = granted
            self.judge = judge
        }
    }

    /// What others have left for the thread.
    struct Inbox: Sendable {
        var commands: [IKECommand] = []
        var targetCommands: [TargetCommand] = []
        var reservings: [SequencerService.Reserving] = []
        var verdicts: [(PeerSessions.ID, CertificateVerdict)] = []
    }

    final class Shared: Sendable {
        let report = Mutex(RouterControlReport())
        private let inbox = Mutex(Inbox())
        /// Ends the thread's sleep; there once the thread is.
        let nudge = Mutex<(@Sendable () -> Void)?>(nil)

        func leave(_ message: (inout Inbox) -> Void) {
            inbox.withLock { message(&$0) }
            wake()
        }

        func wake() { nudge.withLock { $0 }?() }

        func takeInbox() -> Inbox {
            inbox.withLock { inbox in
                defer { inbox = Inbox() }
                return inbox
            }
        }
    }

    private let shared = Shared()
    private let thread: ServiceThread

    /// Throws what the sockets or `hooks.link` throw.
    public init(_ settings: Settings, hooks: Hooks) throws {
        let sockets = try IKESockets(settings.listen)
        let shared = shared
        let link = try hooks.link.map { try $0({ shared.wake() }) }
        thread = try ServiceThread(name: "control") { context in
            var loop = ControlLoop(settings, hooks, sockets, link) { id, verdict in
                shared.leave { $0.verdicts.append((id, verdict)) }
            }
            loop.run(context, shared)
            link?.stop()
        }
        let thread = thread
        shared.nudge.withLock { $0 = { thread.nudge() } }
        // What came before there was a thread to wake.
        thread.nudge()
    }

    public var report: RouterControlReport { shared.report.withLock { $0 } }

    /// Done as soon as the thread comes to it; what came of it is in the log and the report.
    public func order(_ command: IKECommand) {
        shared.leave { $0.commands.append(command) }
    }

    /// Numbers that the coupling facility is to reserve; answered by `hooks.reserved`.
    public func reserve(_ reserving: SequencerService.Reserving) {
        shared.leave { $0.reservings.append(reserving) }
    }

    /// There is something to take from what the hooks know of.
    public func wake() { shared.wake() }

    public func order(_ command: TargetCommand) {
        shared.leave { $0.targetCommands.append(command) }
    }

    /// Tells the peers that their SAs are gone, and waits until the thread has ended.
    public func stop() {
        thread.stop()
        shared.nudge.withLock { $0 = nil }
    }
}

/// How the control plane of a router stands, for status.
public struct RouterControlReport: Sendable {
    public struct Target: Sendable {
        public var health: TargetRotation.Status
        /// It holds all it is to hold, or will at once.
        public var isInService: Bool
        /// Entries that it has not acknowledged.
        public var waiting: UInt64
        /// SAs that are not distributed to it, in words; the first of them.
        public var exceptions: [String]
    }

    public struct Shadow: Sendable {
        public var key: ShadowEntry.Key
        /// In words, by target.
        public var states: [String: String]
    }

    public var ike = IKEReport()
    /// The youngest SAs that are distributed.
    public var shadows: [Shadow] = []
    public var targets: [Target] = []
    public var epoch = Epoch(rawValue: 0)
    /// nil without a coupling facility.
    public var coupling: CouplingService.Report?
    public var couplingTrouble: String?
    /// Of the link, by name.
    public var link: [String: UInt64] = [:]
    /// Why a socket no longer works; the thread has ended then.
    public var failure: SystemError?

    public init() {}
}
