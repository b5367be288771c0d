internal import Associations

/// The entries for one target, from the first that it has not acknowledged.
struct ShadowStream: Sendable {
    struct Channels: Sendable {
        let entries, reports: ShadowSeal.Channel
    }

    let holder: HolderID
    /// The process that is there; nil until it was heard of.
    private(set) var target: Incarnation?
    private(set) var channels: Channels?
    /// Every entry up to this one is done.
    private(set) var applied: UInt64 = 0
    /// The number of the last one.
    private(set) var last: UInt64 = 0
    /// Those from `applied + 1` to `last`.
    private var waiting: ArraySlice<ShadowEntry> = []
    /// Sent at least once, up to here.
    private var sent: UInt64 = 0
    /// When the first unacknowledged one is sent again.
    private(set) var dueAt: UInt64?
    private var wait: UInt64 = 0
    var heardAt: UInt64 = 0
    /// It has reported, not long ago.
    var isInService = false

    init(_ holder: HolderID) { self.holder = holder }

    mutating func append(_ entry: ShadowEntry) {
        // Without a process there is nobody to send to; a new one begins with all there is.
        guard target != nil else { return }
        guard waiting.count < ShadowPublisher.backlog else {
            target = nil
            channels = nil
            isInService = false
            waiting = []
            dueAt = nil
            return
        }
        waiting.append(entry)
        last += 1
    }

    /// A process of the target's that was not known: everything anew. Numbers go on, so that no number of a channel is
    /// used for two entries even when a process comes back that was given up.
    mutating func begin(with process: Incarnation, channels new: Channels, _ associations: [SecurityAssociation]) {
        target = process
        channels = new
        applied = last
        sent = last
        waiting = [.begin] + associations.map { .install($0) }
        last += UInt64(waiting.count)
        dueAt = nil
        wait = 0
    }

    mutating func acknowledge(_ number: UInt64, timing: ShadowPublisher.Timing, at now: UInt64) {
        // A report of before the stream began anew, or of entries that were never sent.
        guard number > applied, number <= sent else { return }
        waiting = waiting.dropFirst(Int(number - applied))
        applied = number
        wait = timing.repetition
        dueAt = waiting.isEmpty ? nil : now + wait
    }

    /// What was not sent yet, as far as the window allows, or all of the window again when it is time.
    mutating func send(
        _ seal: ShadowSeal, from router: Incarnation, timing: ShadowPublisher.Timing, at now: UInt64
    ) -> [ShadowPublisher.Action] {
        guard let target, let channels, !waiting.isEmpty else {
            dueAt = nil
            return []
        }
        let end = min(last, applied + UInt64(ShadowPublisher.window))
        if let dueAt, now >= dueAt { sent = applied }
        guard sent < end else { return [] }
        let isAgain = dueAt.map { now >= $0 } ?? false
        var actions: [ShadowPublisher.Action] = []
        for number in sent + 1...end {
            var plaintext = waiting[waiting.startIndex + Int(number - applied - 1)].bytes
            actions.append(
                .send(
                    seal.seal(
                        plaintext, .entry, holder, from: router, to: target, number: number, under: channels.entries),
                    to: holder))
            plaintext.wipe()
        }
        sent = end
        wait = isAgain ? min(wait * 2, timing.slowest) : timing.repetition
        dueAt = now + wait
        return actions
    }
}
