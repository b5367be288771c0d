public import Associations
internal import Synchronization
public import Wire

/// The sequencers of a node on a thread and a UDP socket of their own: datagrams in, datagrams out, marks written down.
public final class SequencerService: Sendable {
    /// One shared outbound SA.
    public struct Association: Sendable {
        public var spi: SPI
        /// The peer's, in packets.
        public var replayWindow: Int
        /// nil for an SA whose key does not outlive this process: its numbers begin at 1 and are written down nowhere.
        public var reservation: ReservationFile?
        /// The last number that may be used.
        public var lastNumber: UInt64

        public init(
            spi: SPI, replayWindow: Int, reservation: ReservationFile?,
            lastNumber: UInt64 = Reservation.lastWithoutESN
        ) {
            self.spi = spi
            self.replayWindow = replayWindow
            self.reservation = reservation
            self.lastNumber = lastNumber
        }
    }

    /// How it stands.
    public struct Report: Sendable, Equatable {
        /// Datagrams that are no lease message.
        public var malformed = 0
        /// Messages that did not come from the address of the holder they name.
        public var strange = 0
        /// Messages about an SPI without a sequencer here.
        public var unknownAssociation = 0
        public var failedReservations = 0
        /// Why the last reservation could not be written down; nil again after the next success.
        public var reservationFailure: SystemError?
        /// Why the socket no longer works; the thread has ended then.
        public var socketFailure: SystemError?
        public var sequencers: [SPI: Sequencer.Tally] = [:]
    }

    enum Change: Sendable {
        case add(Association)
        case remove(SPI)
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
        timing: Sequencer.Timing = Sequencer.Timing()
    ) throws(SystemError) {
        let endpoint = Endpoint(socket: try UDPSocket(bind: local))
        address = endpoint.socket.localAddress ?? local
        let shared = shared
        thread = try ServiceThread(name: "sequencer") { context in
            var loop = SequencerLoop(endpoint: endpoint, holders: holders, associations: associations, timing: timing)
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

    private func change(_ change: Change) {
        shared.changes.withLock { $0.append(change) }
        thread.nudge()
    }

    /// Waits until the thread has ended. Leases that are out run out by themselves.
    public func stop() { thread.stop() }

    final class Endpoint: Sendable {
        let socket: UDPSocket
        init(socket: consuming UDPSocket) { self.socket = socket }
    }
}
