public import Associations

/// The router's side of the shadow cache: what every target is to hold, until each has said that it does (docs/link.md). A
/// machine without I/O; `now` is nanoseconds of a clock that does not go back.
///
/// Each connection of a target begins with `hello`, is answered, and gets one stream of entries, numbered, done in order and
/// acknowledged up to a number. A barrier is a place in all streams: it is settled when every target in service has got that
/// far, or when the patience with them has run out.
public struct ShadowPublisher: Sendable {
    public struct Timing: Sendable {
        /// How long a barrier waits for a target in service.
        public var patience: UInt64 = 500_000_000
        /// Milliseconds between two reports of a target.
        public var reportInterval: UInt32 = 100
        public init() {}
    }

    /// Names a barrier.
    public struct Ticket: Hashable, Sendable { let rawValue: UInt64 }

    public enum Action: Sendable {
        case send(RouterMessage, to: HolderID)
        /// No more of this connection; `send` before it is still to go out.
        case disconnect(HolderID)
        /// Every target in service holds what was published before the barrier, but for those named.
        case settled(Ticket, missing: [HolderID])
        /// It has done all that was there when it came.
        case joined(HolderID)
        case left(HolderID)
        case refused(HolderID, ShadowEntry.Key, ShadowRefusal)
        /// Protects the leases of this connection from now on.
        case protect(HolderID, SecretBytes, incarnation: UInt64)
        /// A member knows a newer owner than us.
        case superseded(Epoch)
        case notLetIn(HolderID, LinkRefusal)
        /// A target has come that cannot do these, or that can do all. The relay does their SAs for it from now on.
        case lacks(HolderID, Set<Associations.Transform>)
        /// The same of extended sequence numbers; nothing is said of a target that always could.
        case lacksESN(HolderID, Bool)
    }

    let incarnation: UInt64
    let policyHash: [UInt8]
    let timing: Timing
    /// The holder that does for targets what they cannot (docs/relay.md); nil: nobody does.
    let relay: HolderID?
    public var epoch: Epoch
    private var streams: [HolderID: ShadowStream] = [:]
    /// What targets are to hold, in the order in which it came; an SA for one target alone names it.
    private var current: [ShadowEntry.Key: Wanted] = [:]
    /// How far the numbers of inbound SAs with ESN are, as far as that was said; manual ones among them.
    private var floors: [SPI: UInt64] = [:]
    private var nextOrder: UInt64 = 0
    private var barriers: [Barrier] = []
    private var nextTicket: UInt64 = 0

    private struct Wanted: Sendable {
        let order: UInt64
        var association: SecurityAssociation
        let only: HolderID?
    }

    private struct Barrier: Sendable {
        let ticket: Ticket
        let deadline: UInt64
        /// The number to be acknowledged, by target.
        var waiting: [HolderID: UInt64]
    }

    public init(
        holders: [HolderID], relay: HolderID? = nil, incarnation: UInt64, epoch: Epoch, policyHash: [UInt8],
        timing: Timing = Timing()
    ) {
        self.incarnation = incarnation
        self.epoch = epoch
        self.policyHash = policyHash
        self.timing = timing
        self.relay = relay
        for holder in holders { streams[holder] = ShadowStream() }
        if let relay { streams[relay] = ShadowStream() }
    }

    /// Nothing is sent before the next `tick` or `barrier`. Traps unless the entry `fits`, and for entries that streams say
    /// by themselves.
    /// - Parameter only: the one target that it is for; nil for all.
    public mutating func publish(_ entry: ShadowEntry, only: HolderID? = nil) -> [Action] {
        precondition(entry.fits)
        guard let key = entry.key else { preconditionFailure("streams begin by themselves") }
        var only = only
        switch entry {
        case .advance(let spi, let number):
            floors[spi] = number
            return streams.keys.sorted().flatMap { tell(entry, to: $0) }
        case .install(let association):
            if key.direction == .inbound { floors[key.spi] = nil }
            current[key] = Wanted(order: nextOrder, association: association, only: only)
            nextOrder += 1
        case .relocate(let relocation):
            current[key]?.association.relocate(relocation)
            only = current[key]?.only
        case .remove:
            only = current[key]?.only
            current[key] = nil
            if key.direction == .inbound { floors[key.spi] = nil }
        case .allow, .relay, .begin, .complete: break
        }
        var actions: [Action] = []
        for holder in streams.keys.sorted() where only == nil || only == holder {
            guard let entry = entry.isInstallation ? installation(of: key, at: holder) : change(entry, key, at: holder)
            else { continue }
            if !streams[holder]!.append(entry) { actions += cut(holder) }
        }
        return actions
    }

    /// Whoever has not the SA passes over how far its numbers are.
    private mutating func tell(_ floor: ShadowEntry, to holder: HolderID) -> [Action] {
        guard streams[holder]?.isLackingESN == false, !streams[holder]!.append(floor) else { return [] }
        return cut(holder)
    }

    /// What a holder is told of an SA; nil for nothing.
    private func installation(of key: ShadowEntry.Key, at holder: HolderID) -> ShadowEntry? {
        guard let wanted = current[key], let stream = streams[holder], wanted.only == nil || wanted.only == holder
        else { return nil }
        if holder == relay { return isRelayed(wanted) ? .install(wanted.association) : nil }
        if stream.can(wanted.association) { return .install(wanted.association) }
        // An SA for it alone it cannot use, nor does it need one: the relay has the shared one.
        guard relay != nil, wanted.only == nil else { return nil }
        return .relay(
            RelayedAssociation(
                spi: key.spi, direction: key.direction, selectors: wanted.association.selectors))
    }

    /// nil for whom it does not concern. Where the packets of an SA go, and how many they may be, is the relay's
    /// matter.
    private func change(_ entry: ShadowEntry, _ key: ShadowEntry.Key, at holder: HolderID) -> ShadowEntry? {
        guard let stream = streams[holder], stream.holds(key) else { return nil }
        guard let wanted = current[key] else { return entry }
        return stream.can(wanted.association) ? entry : nil
    }

    /// Some target needs it done.
    private func isRelayed(_ wanted: Wanted) -> Bool {
        wanted.only == nil
            && (isLacking(wanted.association.transform) || wanted.association.hasESN && isAnyLackingESN)
    }

    private var isAnyLackingESN: Bool { streams.contains { $0.key != relay && $0.value.isLackingESN } }

    private func isLacking(_ transform: Associations.Transform) -> Bool { lacking.contains(transform) }

    /// What some target cannot do, those that are gone for now among them.
    private var lacking: Set<Associations.Transform> {
        streams.reduce(into: []) { if $1.key != relay { $0.formUnion($1.value.lacking) } }
    }

    private var inOrder: [ShadowEntry.Key] { current.sorted { $0.value.order < $1.value.order }.map(\.key) }

    /// A target has come, and with it the relay may have more to do or less: then it comes back for everything. An SA
    /// given to it by itself would be without its grant, and so without an end.
    private mutating func relay(insteadOf former: (Set<Associations.Transform>, esn: Bool)) -> [Action] {
        guard let relay, (lacking, isAnyLackingESN) != former, streams[relay]!.incarnation != nil else { return [] }
        return cut(relay)
    }

    /// Settled at once where there is no target in service.
    public mutating func barrier(at now: UInt64) -> (Ticket, [Action]) {
        let ticket = Ticket(rawValue: nextTicket)
        nextTicket += 1
        var waiting: [HolderID: UInt64] = [:]
        for (holder, stream) in streams where stream.isInService && stream.last > stream.applied {
            waiting[holder] = stream.last
        }
        barriers.append(Barrier(ticket: ticket, deadline: now + timing.patience, waiting: waiting))
        return (ticket, flush() + settle(at: now))
    }

    /// A connection has come with this. `leaseKey` is drawn for it: 32 random bytes. Entries are sent with the next
    /// `tick`, behind what is published until then.
    public mutating func hello(
        _ hello: MemberMessage.Hello, from holder: HolderID, leaseKey: SecretBytes, at now: UInt64
    ) -> [Action] {
        guard var stream = streams[holder] else { return [] }
        var actions: [Action] = []
        if stream.incarnation != nil { actions += end(holder) }
        if let refusal = judge(hello) {
            actions += [
                .send(.refusal(refusal), to: holder), .disconnect(holder), .notLetIn(holder, refusal),
            ]
            if case .epochIsOver(_, let newer) = refusal { actions.append(.superseded(newer)) }
            return actions + settle(at: now)
        }
        stream.begin(hello, at: now)
        let former = (lacking, isAnyLackingESN)
        let lackedESN = streams[holder]!.isLackingESN
        streams[holder] = stream
        for key in inOrder {
            if let entry = installation(of: key, at: holder) { _ = streams[holder]!.append(entry) }
        }
        for (spi, number) in floors { actions += tell(.advance(spi, number), to: holder) }
        _ = streams[holder]!.append(.complete)
        let welcome = RouterMessage.Welcome(
            version: min(hello.version, LinkVersion.current), incarnation: incarnation, epoch: epoch,
            reportInterval: timing.reportInterval, leaseKey: leaseKey)
        // Before the target is told the key.
        actions += [.protect(holder, leaseKey, incarnation: hello.incarnation), .send(.welcome(welcome), to: holder)]
        if holder != relay {
            actions.append(.lacks(holder, stream.lacking))
            if stream.isLackingESN || lackedESN { actions.append(.lacksESN(holder, stream.isLackingESN)) }
        }
        return actions + relay(insteadOf: former) + settle(at: now)
    }

    private func judge(_ hello: MemberMessage.Hello) -> LinkRefusal? {
        if hello.version < LinkVersion.oldest { return .versionTooOld(oldest: LinkVersion.oldest) }
        if hello.epoch > epoch { return .epochIsOver(router: epoch, member: hello.epoch) }
        if hello.policyHash != policyHash {
            return .policyDiffers(router: policyHash.hexadecimal, member: hello.policyHash.hexadecimal)
        }
        return nil
    }

    /// What a report says of the stream; its other parts are for others.
    public mutating func receive(
        _ report: MemberMessage.Report, from holder: HolderID, at now: UInt64
    ) -> [Action] {
        guard streams[holder]?.incarnation != nil else { return [] }
        var actions: [Action] = []
        streams[holder]!.heardAt = now
        for refusal in report.refusals {
            streams[holder]!.refuse(refusal.key, refusal.reason)
            actions.append(.refused(holder, refusal.key, refusal.reason))
        }
        if streams[holder]!.acknowledge(report.applied) { actions.append(.joined(holder)) }
        return actions + flush() + settle(at: now)
    }

    /// The connection is over.
    public mutating func disconnected(_ holder: HolderID, at now: UInt64) -> [Action] {
        end(holder) + settle(at: now)
    }

    private mutating func end(_ holder: HolderID) -> [Action] {
        guard let stream = streams[holder], stream.incarnation != nil else { return [] }
        streams[holder]!.end()
        return stream.isInService ? [.left(holder)] : []
    }

    private mutating func cut(_ holder: HolderID) -> [Action] { end(holder) + [.disconnect(holder)] }

    /// When `tick` has something to do though nothing comes.
    public var deadline: UInt64? { barriers.map(\.deadline).min() }

    /// Sends what is due and settles what can be.
    public mutating func tick(at now: UInt64) -> [Action] { flush() + settle(at: now) }

    private mutating func flush() -> [Action] {
        var actions: [Action] = []
        for holder in streams.keys.sorted() {
            actions += streams[holder]!.take().map { .send($0, to: holder) }
        }
        return actions
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

    // MARK: Status

    /// Whether a target holds all that was published.
    public func lag(of holder: HolderID) -> (isInService: Bool, entries: UInt64)? {
        streams[holder].map { ($0.isInService, $0.last - $0.applied) }
    }

    /// How an SA is at a target; nil for a target that is not to hold it.
    public func state(of key: ShadowEntry.Key, at holder: HolderID) -> ShadowState? {
        guard let stream = streams[holder], let wanted = current[key], wanted.only == nil || wanted.only == holder
        else { return nil }
        if holder == relay { return isRelayed(wanted) ? stream.state(of: key) : nil }
        let state = stream.state(of: key)
        guard stream.incarnation != nil, !stream.can(wanted.association), state == .distributed else { return state }
        // What it holds is that the relay does it.
        return relay.flatMap { streams[$0]?.state(of: key) } == .distributed ? .usedAtRouter : .notDistributed
    }

    /// SAs that a target refuses or cannot do, in words; the first of them. Not those on their way.
    public func exceptions(at holder: HolderID) -> [String] {
        guard let stream = streams[holder], stream.incarnation != nil else { return [] }
        let refused = stream.refusals.map { key, reason in "\(key.direction) \(key.spi): \(ShadowState.refused(reason))"
        }
        // To look at all SAs only where one may be found.
        let unable = (stream.canAll ? [:] : current).values.lazy.filter { !stream.can($0.association) }.prefix(
            Self.exceptionLimit
        ).map {
            let key = ShadowEntry.Key(spi: $0.association.spi, direction: $0.association.direction)
            return "\(key.direction) \(key.spi): \(state(of: key, at: holder) ?? .notDistributed)"
        }
        return Array((refused.sorted() + unable).prefix(Self.exceptionLimit))
    }

    static let exceptionLimit = 16

    /// SAs that a status lists.
    public static let listLimit = 64

    /// The youngest SAs, and how each is at every target that is to hold it.
    public func states() -> [(key: ShadowEntry.Key, states: [HolderID: ShadowState])] {
        let recent = current.filter { $0.value.order + UInt64(2 * Self.listLimit) >= nextOrder }
            .sorted { $0.value.order > $1.value.order }.prefix(Self.listLimit)
        return recent.map { key, _ in
            var states: [HolderID: ShadowState] = [:]
            for holder in streams.keys { states[holder] = state(of: key, at: holder) }
            return (key, states)
        }
    }

    /// The targets that are there and hold all they are to hold.
    public var serving: [HolderID] { streams.filter(\.value.isInService).keys.sorted() }
}

extension SecurityAssociation {
    mutating func relocate(_ relocation: Relocation) {
        source = relocation.source
        destination = relocation.destination
        udpEncapsulation = relocation.udpEncapsulation
    }
}

extension Sequence<UInt8> {
    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
