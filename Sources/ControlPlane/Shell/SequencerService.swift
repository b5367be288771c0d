public import Associations
internal import Synchronization
public import Wire

/// The sequencers of a node on a thread and a UDP socket of their own: datagrams in, datagrams out, marks written down.
public final class SequencerService: Sendable {
    /// One shared outbound SA.
    public struct Association: Sendable {
        /// Who keeps how far its numbers are reserved.
        public enum Marks: Sendable {
            /// For an SA whose key does not outlive this process: its numbers begin at 1 and are written down nowhere.
            case unwritten
            /// Written on the service's own thread.
            case file(ReservationFile)
            /// The coupling facility, through `Hooks.reserve`. Numbers from `first` on are for this process, those below
            /// `upTo` are reserved already; `upTo` equals `first` when none are.
            case coupled(first: UInt64, upTo: UInt64)
        }

        public var spi: SPI
        /// The peer's, in packets.
        public var replayWindow: Int
        public var marks: Marks
        /// The last number that may be used.
        public var lastNumber: UInt64

        public init(
            spi: SPI, replayWindow: Int, marks: Marks, lastNumber: UInt64 = Reservation.lastWithoutESN
        ) {
            self.spi = spi
            self.replayWindow = replayWindow
            self.marks = marks
            self.lastNumber = lastNumber
        }

        /// With marks in a file, or nil for marks that are written nowhere.
        public init(
            spi: SPI, replayWindow: Int, reservation: ReservationFile?,
            lastNumber: UInt64 = Reservation.lastWithoutESN
        ) {
            self.init(
                spi: spi, replayWindow: replayWindow, marks: reservation.map { .file($0) } ?? .unwritten,
                lastNumber: lastNumber)
        }
    }

    /// Numbers that the coupling facility is to reserve.
    public struct Reserving: Sendable, Hashable {
        public let spi: SPI
        /// What is reserved now; the facility compares it.
        public let from: UInt64
        public let upTo: UInt64
        /// Tells an SA from another one of the same SPI before it.
        let ticket: UInt64
    }

    /// Called on the service's thread; they must not wait.
    public struct Hooks: Sendable {
        /// To be answered by `reserved` or `reservationFailed`, from any thread, whenever. It may be asked for again while
        /// an answer is out.
        public var reserve: @Sendable (Reserving) -> Void
        /// When the service stops: numbers from `next` on, below `mark`, were never granted. Whoever owns the SA still may
        /// put its mark back from `mark` to `next`, by comparing and in one step; nobody has to.
        public var giveBack: @Sendable (_ spi: SPI, _ mark: UInt64, _ next: UInt64) -> Void

        public init(
            reserve: @escaping @Sendable (Reserving) -> Void = { _ in },
            giveBack: @escaping @Sendable (_ spi: SPI, _ mark: UInt64, _ next: UInt64) -> Void = { _, _, _ in }
        ) {
            self.reserve = reserve
            self.giveBack = giveBack
        }
    }

    /// How it stands.
    public struct Report: Sendable, Equatable {
        /// Datagrams that are no lease message.
        public var malformed = 0
        /// Messages that did not come from the address of the holder they name.
        public var strange = 0
        /// Of holders without a key, where messages are sealed.
        public var unprotected = 0
        /// Sealed messages that changed nothing.
        public var sealFaults: [LeaseChannel.Fault: Int] = [:]
        /// Messages about an SPI without a sequencer here.
        public var unknownAssociation = 0
        public var failedReservations = 0
        /// A reservation that the coupling facility answered for an SA that is gone.
        public var staleReservations = 0
        /// Why the last reservation could not be written down; nil again after the next success.
        public var reservationFailure: SystemError?
        /// SAs whose last reservation the coupling facility refused.
        public var unreserved: Set<SPI> = []
        /// Why the socket no longer works; the thread has ended then.
        public var socketFailure: SystemError?
        public var sequencers: [SPI: Sequencer.Tally] = [:]
    }

    enum Change: Sendable {
        case add(Association)
        case remove(SPI)
        case protect(HolderID, SecretBytes, Epoch)
        case unprotect(HolderID)
        case advance(Epoch)
        case reserved(Reserving)
        case failed(Reserving)
    }

    final class Shared: Sendable {
        let report = Mutex(Report())
        /// What has changed since somebody took it; at most one entry for each SA that there is or was meanwhile.
        let grantedEnds = Mutex<[SPI: UInt64]>([:])
        let changes = Mutex<[Change]>([])
    }

    private let shared = Shared()
    private let thread: ServiceThread
    public let address: SocketAddress

    /// - Parameters:
    ///   - local: where it listens, on the trusted link. Port 0 lets the kernel choose, see `address`.
    ///   - holders: who may ask, and from which address; the port does not matter.
    public init(
        local: SocketAddress, holders: [HolderID: IPAddress], associations: [Association],
        timing: Sequencer.Timing = Sequencer.Timing(), protection: LeaseProtection = .none, hooks: Hooks = Hooks()
    ) throws(SystemError) {
        let endpoint = Endpoint(socket: try UDPSocket(bind: local))
        address = endpoint.socket.localAddress ?? local
        let shared = shared
        thread = try ServiceThread(name: "sequencer") { context in
            var loop = SequencerLoop(
                endpoint: endpoint, holders: holders, associations: associations, timing: timing,
                protection: protection, hooks: hooks)
            loop.run(context, shared)
        }
    }

    /// At most `SequencerLoop.reportInterval` old.
    public var report: Report { shared.report.withLock { $0 } }

    /// The number behind the highest one that was granted, of each SA where it has changed since this was last asked; for
    /// one caller.
    public func takeGrantedEnds() -> [SPI: UInt64] {
        shared.grantedEnds.withLock { ends in
            defer { ends = [:] }
            return ends
        }
    }

    /// One more SA, from now on. One of the same SPI is replaced: it is another SA.
    public func add(_ association: Association) { change(.add(association)) }

    /// Its numbers are granted no more; leases that are out run out by themselves.
    public func remove(_ spi: SPI) { change(.remove(spi)) }

    /// A holder's connection has begun: its messages come and go under this key from now on. Said before the holder is told
    /// the key. Traps on the key that the holder had before.
    public func protect(_ holder: HolderID, key: SecretBytes, epoch: Epoch) { change(.protect(holder, key, epoch)) }

    /// A holder's connection is over: nothing is taken from it until it has another key. Its leases run out.
    public func unprotect(_ holder: HolderID) { change(.unprotect(holder)) }

    /// This node owns the DVIPAs under a later epoch: messages under an older one change nothing.
    public func advance(to epoch: Epoch) { change(.advance(epoch)) }

    /// The coupling facility has it durably.
    public func reserved(_ reserving: Reserving) { change(.reserved(reserving)) }

    /// It has not, for now.
    public func reservationFailed(_ reserving: Reserving) { change(.failed(reserving)) }

    private func change(_ change: Change) {
        shared.changes.withLock { $0.append(change) }
        thread.nudge()
    }

    /// Waits until the thread has ended. Leases that are out run out by themselves; numbers that were reserved and never
    /// granted are given back.
    public func stop() { thread.stop() }

    final class Endpoint: Sendable {
        let socket: UDPSocket
        init(socket: consuming UDPSocket) { self.socket = socket }
    }
}
