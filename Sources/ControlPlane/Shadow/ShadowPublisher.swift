public import Associations

/// The router's side of the shadow link: what every target is to hold, until each has said that it does
/// (docs/shadow-link.md). A machine without I/O; `now` is nanoseconds of a clock that does not go back.
///
/// Each target gets one stream of entries, numbered, done in order and acknowledged up to a number. A barrier is a place in
/// all streams: it is settled when every target in service has got that far, or when the patience with them has run out.
public struct ShadowPublisher: Sendable {
    public struct Timing: Sendable {
        /// Until an entry that is not acknowledged is sent again; doubled each time up to `slowest`.
        public var repetition: UInt64 = 15_000_000
        public var slowest: UInt64 = 200_000_000
        /// How long a barrier waits for a target in service.
        public var patience: UInt64 = 500_000_000
        /// A target that was not heard of for so long is out of service: no barrier waits for it.
        public var silence: UInt64 = 1_500_000_000
        public init() {}
    }

    /// Names a barrier.
    public struct Ticket: Hashable, Sendable { let rawValue: UInt64 }

    public enum Action: Sendable {
        case send([UInt8], to: HolderID)
        /// Every target in service holds what was published before the barrier, but for those named.
        case settled(Ticket, missing: [HolderID])
        case joined(HolderID)
        case left(HolderID)
        case refused(HolderID, ShadowEntry.Key, ShadowRefusal)
        /// Cumulative, of the process that is at that target now.
        case usage(HolderID, [AssociationUsage])
        case count(Event)
    }

    /// Datagrams that change nothing.
    public enum Event: Sendable, Hashable { case malformed, foreignKey, strange, unauthentic }

    /// Entries under way to one target before the first of them is acknowledged.
    static let window = 64
    /// Entries that may wait for one target; beyond it begins anew when it is heard of.
    static let backlog = 65_536

    let seal: ShadowSeal
    let incarnation: Incarnation
    let timing: Timing
    var streams: [HolderID: ShadowStream] = [:]
    /// What every target is to hold, in the order in which it came.
    private var current: [ShadowEntry.Key: (order: UInt64, association: SecurityAssociation)] = [:]
    private var nextOrder: UInt64 = 0
    private var barriers: [Barrier] = []
    private var nextTicket: UInt64 = 0

    private struct Barrier: Sendable {
        let ticket: Ticket
        let deadline: UInt64
        /// The number to be acknowledged, by target.
        var waiting: [HolderID: UInt64]
    }

    public init(
        holders: [HolderID], clusterKey: SecretBytes, incarnation: Incarnation, timing: Timing = Timing()
    ) {
        seal = ShadowSeal(clusterKey: clusterKey)
        self.incarnation = incarnation
        self.timing = timing
        for holder in holders { streams[holder] = ShadowStream(holder) }
    }

    /// Nothing is sent before the next `tick` or `barrier`. Traps unless the entry `fits`.
    public mutating func publish(_ entry: ShadowEntry) {
        precondition(entry.fits)
        guard let key = entry.key else { preconditionFailure("streams begin by themselves") }
        switch entry {
        case .install(let association):
            current[key] = (nextOrder, association)
            nextOrder += 1
        case .relocate(let relocation): current[key]?.association.relocate(relocation)
        case .remove, .begin: current[key] = nil
        }
        for holder in streams.keys { streams[holder]!.append(entry) }
    }

    /// Settled at once where there is no target in service.
    public mutating func barrier(at now: UInt64) -> (Ticket, [Action]) {
        let ticket = Ticket(rawValue: nextTicket)
        nextTicket += 1
        var waiting: [HolderID: UInt64] = [:]
        for stream in streams.values where stream.isInService && stream.last > stream.applied {
            waiting[stream.holder] = stream.last
        }
        barriers.append(Barrier(ticket: ticket, deadline: now + timing.patience, waiting: waiting))
        return (ticket, tick(at: now))
    }

    /// `holder` is who has the address that the datagram came from.
    public mutating func receive(_ bytes: [UInt8], from holder: HolderID, at now: UInt64) -> [Action] {
        let datagram: ShadowSeal.Datagram
        do {
            datagram = try seal.read(bytes)
        } catch {
            return [.count(error == .foreignKey ? .foreignKey : .malformed)]
        }
        guard datagram.holder == holder, var stream = streams[holder] else { return [.count(.strange)] }
        var actions: [Action] = []
        switch datagram.kind {
        case .entry: return [.count(.strange)]
        case .hello:
            guard seal.isHello(datagram) else { return [.count(.unauthentic)] }
            guard stream.target != datagram.sender else { break }
            stream.begin(
                with: datagram.sender, channels: channels(datagram.sender),
                current.values.sorted { $0.order < $1.order }.map(\.association))
        case .report:
            guard datagram.receiver == incarnation, datagram.sender == stream.target, let channels = stream.channels
            else { return [.count(.strange)] }
            guard let report = seal.open(datagram, under: channels.reports).flatMap(ShadowReport.init) else {
                return [.count(.unauthentic)]
            }
            stream.acknowledge(report.applied, timing: timing, at: now)
            actions += report.refusals.map { .refused(holder, $0.key, $0.reason) }
            if !report.usage.isEmpty { actions.append(.usage(holder, report.usage)) }
            if !stream.isInService {
                stream.isInService = true
                actions.append(.joined(holder))
            }
        }
        stream.heardAt = now
        streams[holder] = stream
        return actions + tick(at: now)
    }

    private func channels(_ target: Incarnation) -> ShadowStream.Channels {
        ShadowStream.Channels(
            entries: seal.channel(.entry, router: incarnation, target: target),
            reports: seal.channel(.report, router: incarnation, target: target))
    }

    /// When `tick` has something to do though nothing comes.
    public var deadline: UInt64? {
        let streams = streams.values.flatMap { stream in
            [stream.dueAt, stream.isInService ? stream.heardAt + timing.silence : nil].compactMap { $0 }
        }
        return (streams + barriers.map(\.deadline)).min()
    }

    /// Sends what is due and settles what can be.
    public mutating func tick(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        for holder in streams.keys.sorted() {
            actions += streams[holder]!.send(seal, from: incarnation, timing: timing, at: now)
            if streams[holder]!.isInService, now >= streams[holder]!.heardAt + timing.silence {
                streams[holder]!.isInService = false
                actions.append(.left(holder))
            }
        }
        return actions + settle(at: now)
    }

    private mutating func settle(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        barriers.removeAll { barrier in
            let missing = barrier.waiting.filter { holder, number in
                guard let stream = streams[holder] else { return false }
                return stream.isInService && stream.applied < number
            }
            guard missing.isEmpty || now >= barrier.deadline else { return false }
            actions.append(.settled(barrier.ticket, missing: missing.keys.sorted()))
            return true
        }
        return actions
    }

    /// Whether a target holds all that was published, for status.
    public func lag(of holder: HolderID) -> (isInService: Bool, entries: UInt64)? {
        streams[holder].map { ($0.isInService, $0.last - $0.applied) }
    }
}

extension SecurityAssociation {
    mutating func relocate(_ relocation: Relocation) {
        source = relocation.source
        destination = relocation.destination
        udpEncapsulation = relocation.udpEncapsulation
    }
}
