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
        /// The number behind the highest one that was granted, by SA.
        public var grantedEnds: [SPI: UInt64] = [:]
    }

    private enum Change: Sendable {
        case add(Association)
        case remove(SPI)
    }

    private final class Shared: Sendable {
        let report = Mutex(Report())
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
            var loop = Loop(endpoint: endpoint, holders: holders, associations: associations, timing: timing)
            loop.run(context, shared)
        }
    }

    public var report: Report { shared.report.withLock { $0 } }

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

    private final class Endpoint: Sendable {
        let socket: UDPSocket
        init(socket: consuming UDPSocket) { self.socket = socket }
    }

    /// What the thread has.
    private struct Loop {
        let endpoint: Endpoint
        let holders: [HolderID: IPAddress]
        let timing: Sequencer.Timing
        let clock = MonotonicClock()
        var reservations: [SPI: ReservationFile] = [:]
        var sequencers: [SPI: Sequencer] = [:]
        /// Where each holder wrote from last.
        var ports: [HolderID: UInt16] = [:]
        var report = Report()

        init(endpoint: Endpoint, holders: [HolderID: IPAddress], associations: [Association], timing: Sequencer.Timing)
        {
            self.endpoint = endpoint
            self.holders = holders
            self.timing = timing
            for association in associations { add(association) }
        }

        private mutating func add(_ association: Association) {
            reservations[association.spi] = association.reservation
            sequencers[association.spi] = Sequencer(
                spi: association.spi, replayWindow: association.replayWindow,
                reservation: Reservation(
                    mark: association.reservation?.initialMark ?? 1, lastNumber: association.lastNumber),
                identifierSeed: .random(in: 0 ... .max), timing: timing, at: clock.now)
        }

        private mutating func take(_ changes: [Change]) throws(SystemError) {
            for change in changes {
                switch change {
                case .add(let association):
                    add(association)
                    try perform(sequencers[association.spi]!.start(at: clock.now), of: association.spi)
                case .remove(let spi):
                    sequencers[spi] = nil
                    reservations[spi] = nil
                }
            }
        }

        mutating func run(_ context: ServiceThread.Context, _ shared: Shared) {
            func publish(_ report: Report) { shared.report.withLock { $0 = report } }
            var buffer = [UInt8](repeating: 0, count: 2048)
            do throws(SystemError) {
                for spi in sequencers.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
                    try perform(sequencers[spi]!.start(at: clock.now), of: spi)
                }
                while !context.isStopping {
                    // A flood must not keep the machines from their deadlines, nor the thread from stopping.
                    for _ in 0..<256 {
                        guard let (count, source) = try endpoint.socket.receive(into: &buffer) else { break }
                        try receive(buffer, count, from: source)
                    }
                    let changes = shared.changes.withLock { changes in
                        defer { changes = [] }
                        return changes
                    }
                    try take(changes)
                    try tick()
                    report.sequencers = sequencers.mapValues(\.tally)
                    report.grantedEnds = sequencers.mapValues(\.grantedEnd)
                    publish(report)
                    let now = clock.now
                    let deadline = sequencers.values.compactMap(\.deadline).min()
                    context.pause([endpoint.socket.descriptor], nanoseconds: deadline.map { $0 > now ? $0 - now : 0 })
                }
            } catch {
                report.socketFailure = error
                publish(report)
            }
        }

        private mutating func receive(_ buffer: [UInt8], _ count: Int, from source: SocketAddress) throws(SystemError) {
            guard count == LeaseMessage.byteCount, let message = LeaseMessage(Array(buffer[..<count])) else {
                report.malformed += 1
                return
            }
            guard holders[message.holder] == source.address else {
                report.strange += 1
                return
            }
            ports[message.holder] = source.port
            guard sequencers[message.spi] != nil else {
                report.unknownAssociation += 1
                guard case .request(let request) = message.body else { return }
                var refusal = message
                refusal.body = .refusal(request: request.identifier, .unknownAssociation)
                try endpoint.socket.send(refusal.bytes, to: source)
                return
            }
            try perform(sequencers[message.spi]!.receive(message, at: clock.now), of: message.spi)
        }

        private mutating func tick() throws(SystemError) {
            for spi in Array(sequencers.keys) {
                let now = clock.now
                guard let deadline = sequencers[spi]?.deadline, now >= deadline else { continue }
                try perform(sequencers[spi]!.tick(at: now), of: spi)
            }
        }

        private mutating func perform(_ actions: [Sequencer.Action], of spi: SPI) throws(SystemError) {
            for action in actions {
                switch action {
                case .send(let message):
                    guard let address = holders[message.holder], let port = ports[message.holder] else { continue }
                    try endpoint.socket.send(message.bytes, to: SocketAddress(address: address, port: port))
                case .reserve(let mark): try reserve(upTo: mark, of: spi)
                }
            }
        }

        /// Written on this thread: half a step of numbers is left meanwhile.
        private mutating func reserve(upTo mark: UInt64, of spi: SPI) throws(SystemError) {
            guard sequencers[spi] != nil else { return }
            let answer: [Sequencer.Action]
            do throws(SystemError) {
                try reservations[spi]?.reserve(upTo: mark)
                report.reservationFailure = nil
                answer = sequencers[spi]!.reserved(upTo: mark, at: clock.now)
            } catch {
                report.failedReservations += 1
                report.reservationFailure = error
                answer = sequencers[spi]!.reservationFailed(at: clock.now)
            }
            try perform(answer, of: spi)
        }
    }
}
