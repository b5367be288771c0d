public import Associations
internal import Wire

/// A target's side of the shadow cache: what comes is handed to the packet path in order, once, and reported when that has
/// done it (docs/link.md). A machine without I/O; `now` is nanoseconds of a clock that does not go back.
///
/// When the link breaks the SAs stay, and traffic goes on. After it has come back, what is said again and is the same stays
/// untouched, its window and its numbers with it; what is not said again goes.
public struct ShadowSubscriber: Sendable {
    public enum Action: Sendable {
        case send(MemberMessage)
        /// For the packet path; say `applied` with the number when it has done it and all before it.
        case apply(UInt64, Publication)
        case welcomed(RouterMessage.Welcome)
        case notLetIn(LinkRefusal)
        /// No such router: the connection is to be ended.
        case disconnect(String)
    }

    /// What goes into the next report beside the stream's own.
    public typealias Report = MemberMessage.Report

    private let hello: MemberMessage.Hello
    /// The newest epoch of a router that let us in.
    public private(set) var epoch: Epoch
    private var interval: UInt64 = 100_000_000
    private var isWelcome = false
    /// Up to here entries were taken; numbers are of the present connection.
    private var taken: UInt64 = 0
    /// Up to here the packet path has done them.
    private var applied: UInt64 = 0
    /// Said to the router.
    private var reported: UInt64 = 0
    private var refusals: [MemberMessage.Refusal] = []
    /// What is held, by what it is made of.
    private var held: [ShadowEntry.Key: [UInt8]] = [:]
    /// Held, and not said again yet.
    private var stale: Set<ShadowEntry.Key> = []
    private var reportDueAt: UInt64?

    /// In one report.
    public static let refusalLimit = 1024

    /// - Parameter hello: its epoch is raised as newer ones become known.
    public init(_ hello: MemberMessage.Hello) {
        self.hello = hello
        epoch = hello.epoch
    }

    public mutating func connected(at now: UInt64) -> [Action] {
        isWelcome = false
        (taken, applied, reported) = (0, 0, 0)
        refusals = []
        reportDueAt = nil
        var hello = hello
        hello.epoch = epoch
        return [.send(.hello(hello))]
    }

    public mutating func disconnected() {
        isWelcome = false
        reportDueAt = nil
    }

    public mutating func receive(_ message: RouterMessage, at now: UInt64) -> [Action] {
        switch message {
        case .welcome(let welcome):
            guard !isWelcome else { return [.disconnect("welcomed twice")] }
            guard welcome.epoch >= epoch else {
                return [.disconnect("epoch \(welcome.epoch.rawValue) is over: it is \(epoch.rawValue)")]
            }
            isWelcome = true
            interval = UInt64(max(welcome.reportInterval, 1)) * 1_000_000
            reportDueAt = now
            epoch = welcome.epoch
            return [.apply(0, .epoch(welcome.epoch)), .welcomed(welcome)]
        case .refusal(let refusal): return [.notLetIn(refusal)]
        case .entries(let first, let entries):
            guard isWelcome else { return [.disconnect("entries before the welcome")] }
            guard first == taken + 1 else { return [.disconnect("entry \(first) behind \(taken)")] }
            var actions: [Action] = []
            for entry in entries {
                taken += 1
                actions += take(entry)
            }
            // Entries that gave nothing to do are done when those before them are.
            actions.append(.apply(taken, .epoch(epoch)))
            return actions
        }
    }

    /// An entry that could not be read: what it was to be is unknown, and said so.
    public mutating func receiveUnreadable(_ key: ShadowEntry.Key?) -> [Action] {
        guard isWelcome else { return [.disconnect("entries before the welcome")] }
        taken += 1
        if let key { refused([MemberMessage.Refusal(key: key, reason: .unreadable)]) }
        return [.apply(taken, .epoch(epoch))]
    }

    private mutating func take(_ entry: ShadowEntry) -> [Action] {
        switch entry {
        case .begin:
            stale = Set(held.keys)
            return []
        case .complete:
            let gone = stale.sorted { $0.spi.rawValue < $1.spi.rawValue }
            stale = []
            for key in gone { held[key] = nil }
            return gone.map { .apply(taken, .remove($0.spi, $0.direction)) }
        case .install(let association):
            let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
            let substance = association.substance
            stale.remove(key)
            guard held[key] != substance else {
                return association.direction == .outbound ? [.apply(taken, .relocate(association.whereabouts))] : []
            }
            held[key] = substance
            return [.apply(taken, .install(association))]
        case .relay(let relayed):
            let key = ShadowEntry.Key(spi: relayed.spi, direction: relayed.direction)
            let substance = Digest.sha256(entry.bytes)
            stale.remove(key)
            guard held[key] != substance else { return [] }
            held[key] = substance
            return [.apply(taken, .relay(relayed))]
        case .relocate(let relocation): return [.apply(taken, .relocate(relocation))]
        case .remove(let spi, let direction):
            let key = ShadowEntry.Key(spi: spi, direction: direction)
            stale.remove(key)
            guard held.removeValue(forKey: key) != nil else { return [] }
            return [.apply(taken, .remove(spi, direction))]
        case .allow(let grant): return [.apply(taken, .allow(grant))]
        case .advance(let spi, let number): return [.apply(taken, .advance(spi, number))]
        }
    }

    /// The packet path could not install these; to be said before `applied` with what they were in.
    public mutating func refused(_ refusals: [MemberMessage.Refusal]) {
        for refusal in refusals { held[refusal.key] = nil }
        self.refusals += refusals
        if self.refusals.count > Self.refusalLimit {
            self.refusals.removeFirst(self.refusals.count - Self.refusalLimit)
        }
    }

    /// The packet path has done all `apply` up to an entry's number, but for what it refused.
    public mutating func applied(upTo number: UInt64, at now: UInt64) {
        applied = max(applied, min(number, taken))
        if isWelcome, applied > reported { reportDueAt = now }
    }

    /// Somebody has something to say that should not wait.
    public mutating func hasten(at now: UInt64) {
        if isWelcome { reportDueAt = min(reportDueAt ?? now, now) }
    }

    /// When `tick` has something to do though nothing comes.
    public var deadline: UInt64? { reportDueAt }

    /// - Parameter report: the rest of what is to be said, asked for only when a report is due.
    public mutating func tick(at now: UInt64, _ rest: () -> Report) -> [Action] {
        guard isWelcome, let due = reportDueAt, now >= due else { return [] }
        reportDueAt = now + interval
        var report = rest()
        report.applied = applied
        report.refusals = refusals
        reported = applied
        refusals = []
        return [.send(.report(report))]
    }

    /// SAs that the router has given.
    public var heldCount: Int { held.count }
    public var isInService: Bool { isWelcome }
}

extension SecurityAssociation {
    /// What makes it this SA: everything but where its packets go. A digest, so that no key lies about.
    var substance: [UInt8] {
        var still = self
        still.source = IPAddress(high: 0, low: 0)
        still.destination = still.source
        still.udpEncapsulation = nil
        var bytes = ShadowEntry.install(still).bytes
        defer { bytes.wipe() }
        return Digest.sha256(bytes)
    }

    var whereabouts: Relocation {
        Relocation(spi: spi, source: source, destination: destination, udpEncapsulation: udpEncapsulation)
    }
}
