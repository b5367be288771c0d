public import Associations

/// A target's side of the shadow link: what comes is done in order, once, and reported (docs/shadow-link.md). A machine
/// without I/O; `now` is nanoseconds of a clock that does not go back.
public struct ShadowSubscriber: Sendable {
    public enum Action: Sendable {
        case send([UInt8])
        /// To be applied at once; `refused` says when that failed.
        case apply(Publication)
        /// The SAs that the router before had given are gone.
        case began
        case count(Event)
    }

    /// Datagrams that change nothing.
    public enum Event: Sendable, Hashable { case malformed, foreignKey, strange, unauthentic, repeated, early }

    /// Nanoseconds between two reports, or two hellos, when nothing happens.
    public static let interval: UInt64 = 200_000_000
    /// Routers' processes that were left behind and are not listened to again.
    private static let formerLimit = 64

    private let holder: HolderID
    private let seal: ShadowSeal
    private let incarnation: Incarnation
    private var stream: Stream?
    private var former: [Incarnation] = []
    private var refusals: [ShadowReport.Refusal] = []
    private var usage: [AssociationUsage] = []
    /// When something is sent though nothing comes.
    public private(set) var deadline: UInt64
    private var helloDueAt: UInt64

    private struct Stream: Sendable {
        let router: Incarnation
        let entries, reports: ShadowSeal.Channel
        var applied: UInt64 = 0
        /// Of the next report; never the same twice.
        var nextReport: UInt64 = 1
        /// What came from this router.
        var held: Set<ShadowEntry.Key> = []
    }

    public init(holder: HolderID, clusterKey: SecretBytes, incarnation: Incarnation, at now: UInt64) {
        self.holder = holder
        seal = ShadowSeal(clusterKey: clusterKey)
        self.incarnation = incarnation
        deadline = now
        helloDueAt = now
    }

    public mutating func tick(at now: UInt64) -> [Action] {
        guard now >= deadline else { return [] }
        var actions: [Action] = []
        // A router that was started anew, or gave us up, knows us by nothing else.
        if now >= helloDueAt {
            helloDueAt = now + Self.interval
            deadline = now + Self.interval
            actions.append(.send(seal.hello(holder, from: incarnation)))
        }
        return actions + (report(at: now).map { [.send($0)] } ?? [])
    }

    /// What was sent under the outbound SAs since they came; for the next reports. Passed over while some of what was noted
    /// before waits for its report, so that the turn of the last ones comes, too.
    public mutating func note(_ usage: [AssociationUsage]) {
        if self.usage.isEmpty { self.usage = usage }
    }

    /// The last entry that was handed out for `apply` did not go in.
    public mutating func refused(_ key: ShadowEntry.Key, _ reason: ShadowRefusal) {
        stream?.held.remove(key)
        refusals.append(ShadowReport.Refusal(key: key, reason: reason))
        if refusals.count > ShadowReport.refusalLimit { refusals.removeFirst() }
    }

    public mutating func receive(_ bytes: [UInt8], at now: UInt64) -> [Action] {
        let datagram: ShadowSeal.Datagram
        do {
            datagram = try seal.read(bytes)
        } catch {
            return [.count(error == .foreignKey ? .foreignKey : .malformed)]
        }
        guard datagram.kind == .entry, datagram.holder == holder, datagram.receiver == incarnation,
            !former.contains(datagram.sender)
        else { return [.count(.strange)] }
        let router = datagram.sender
        let entries =
            stream.flatMap { $0.router == router ? $0.entries : nil }
            ?? seal.channel(.entry, router: router, target: incarnation)
        guard var plaintext = seal.open(datagram, under: entries) else { return [.count(.unauthentic)] }
        defer { plaintext.wipe() }
        let entry = ShadowEntry(plaintext)
        if stream?.router != router {
            guard case .begin = entry else { return [.count(.early)] }
            return change(to: router, entries, datagram.number, at: now)
        }
        return take(entry, datagram.number, at: now)
    }

    private mutating func change(
        to router: Incarnation, _ entries: ShadowSeal.Channel, _ number: UInt64, at now: UInt64
    ) -> [Action] {
        let removals = forget()
        if let stream {
            former.append(stream.router)
            if former.count > Self.formerLimit { former.removeFirst() }
        }
        stream = Stream(
            router: router, entries: entries, reports: seal.channel(.report, router: router, target: incarnation),
            applied: number)
        deadline = now
        return removals + [.began]
    }

    private mutating func forget() -> [Action] {
        guard var stream else { return [] }
        let held = stream.held.sorted { $0.spi.rawValue < $1.spi.rawValue }
        stream.held = []
        self.stream = stream
        return held.map { Action.apply(.remove($0.spi, $0.direction)) }
    }

    private mutating func take(_ entry: ShadowEntry?, _ number: UInt64, at now: UInt64) -> [Action] {
        guard var stream else { return [] }
        guard number > stream.applied else {
            // Its acknowledgement was lost.
            deadline = now
            return [.count(.repeated)]
        }
        var isBeginning = false
        if case .begin = entry { isBeginning = true }
        guard number == stream.applied + 1 || isBeginning else { return [.count(.early)] }
        stream.applied = number
        var actions: [Action] = []
        switch entry {
        case .begin:
            self.stream = stream
            actions = forget() + [.began]
            stream = self.stream!
        case .install(let association):
            stream.held.insert(ShadowEntry.Key(spi: association.spi, direction: association.direction))
            actions = [.apply(.install(association))]
        case .relocate(let relocation): actions = [.apply(.relocate(relocation))]
        case .remove(let spi, let direction):
            stream.held.remove(ShadowEntry.Key(spi: spi, direction: direction))
            actions = [.apply(.remove(spi, direction))]
        case nil:
            // Authentic, and of another version: what it was to be is unknown, and said so.
            refusals.append(
                ShadowReport.Refusal(
                    key: ShadowEntry.Key(spi: SPI(rawValue: 0), direction: .inbound), reason: .unreadable))
        }
        self.stream = stream
        // The report comes when the caller has applied: one for all entries of a burst.
        deadline = now
        return actions
    }

    /// nil while no router has answered.
    private mutating func report(at now: UInt64) -> [UInt8]? {
        guard var stream else { return nil }
        deadline = now + Self.interval
        defer { self.stream = stream }
        var report = ShadowReport(applied: stream.applied)
        report.refusals = refusals
        report.usage = Array(usage.prefix(ShadowReport.usageLimit))
        usage.removeFirst(report.usage.count)
        refusals = []
        defer { stream.nextReport += 1 }
        return seal.seal(
            report.bytes, .report, holder, from: incarnation, to: stream.router, number: stream.nextReport,
            under: stream.reports)
    }
}
