public import Associations

/// What is known of one target, and the standing that follows from it. What an operator said, what the target says of itself
/// and what the router sees are kept apart, so that the end of one does not undo another.
struct TargetHealth: Sendable {
    /// Whether anything comes from it, and comes back through GRE.
    enum Life: Sendable, Equatable {
        /// Out, and why.
        case out(OutReason)
        /// Probes that have come back since the link came: at `goodRounds` it is in.
        case proving(rounds: Int)
        case good
        /// The link broke; what it has goes on until then.
        case unlinked(until: UInt64)
    }

    enum OutReason: Sendable, Equatable { case notJoined, silent, probesLost, linkLost, left }

    static let goodRounds = 2

    let name: String
    let weighing: TargetRotation.Weighing
    var life = Life.out(.notJoined)
    var isLinked = false
    /// The last report, and the sending of the last probe that came back.
    var heardAt: UInt64 = 0
    var provenAt: UInt64 = 0
    /// Sent and not come back, the oldest first; none older than the silence.
    var probes: [(number: UInt64, at: UInt64)] = []
    var command = TargetRotation.Command.resume
    /// It takes itself out.
    var leaving: String?
    /// By service.
    var services: [String: MemberMessage.ServiceReport] = [:]
    /// The weight it asks for.
    var led: UInt16 = 1

    init(name: String, weighing: TargetRotation.Weighing) {
        self.name = name
        self.weighing = weighing
    }

    /// When it is lost unless something comes; nil while it is out.
    func lostAt(_ silence: UInt64) -> UInt64? {
        switch life {
        case .out: nil
        case .unlinked(let until): until
        case .proving, .good: min(heardAt, provenAt) + silence
        }
    }

    func standing(_ whenLost: TargetRotation.WhenLost) -> TargetStanding {
        switch life {
        case .out, .proving: return TargetStanding(state: whenLost == .move ? .lost : .quiesced, weight: 0)
        case .unlinked, .good: break
        }
        if command == .quiesce { return TargetStanding(state: .quiesced, weight: weight) }
        let takesNew = life == .good && command == .resume && leaving == nil && deafService == nil
        return TargetStanding(state: takesNew ? .serving : .draining, weight: weight)
    }

    /// Twice what was configured, so that half of 1 is something.
    private var weight: UInt16 {
        let base = min(weighing.fixed ?? led, TargetRotation.weightLimit)
        if services.values.contains(where: \.isFull) { return 0 }
        return services.values.contains(where: \.isPressed) ? base : 2 * base
    }

    private var deafService: String? { services.values.filter { !$0.isListening }.map(\.service).min() }

    /// What keeps it from its full share, for people; empty when nothing does.
    func reasons(_ silenceMilliseconds: UInt64) -> [String] {
        var reasons: [String] = []
        switch life {
        case .good: break
        case .unlinked: reasons.append("its link broke")
        case .proving(let rounds): reasons.append("on its way in, \(rounds) of \(Self.goodRounds) probes good")
        case .out(let reason): reasons.append(reason.words(silenceMilliseconds))
        }
        if let leaving { reasons.append("it leaves: \(leaving)") }
        switch command {
        case .resume: break
        case .drain: reasons.append("drained by command")
        case .quiesce: reasons.append("quiesced by command")
        }
        for report in services.values.sorted(by: { $0.service < $1.service }) {
            if !report.isListening {
                reasons.append("nobody listens for \(report.service)")
            } else if report.isPressed {
                reasons.append("\(report.service) has \(report.queued) of \(report.backlog) connections waiting")
            }
        }
        return reasons
    }
}

extension TargetHealth.OutReason {
    func words(_ silenceMilliseconds: UInt64) -> String {
        switch self {
        case .notJoined: "not joined yet"
        case .silent: "nothing heard for \(silenceMilliseconds) ms"
        case .probesLost: "no probe came back for \(silenceMilliseconds) ms"
        case .linkLost: "its link did not come back for \(silenceMilliseconds) ms"
        case .left: "it left"
        }
    }
}

extension TargetRotation.Weighing {
    /// nil when the target leads.
    var fixed: UInt16? { if case .fixed(let weight) = self { weight } else { nil } }
}

extension MemberMessage.ServiceReport {
    /// Three quarters of those that may wait do.
    var isPressed: Bool { backlog > 0 && UInt64(queued) * 4 >= UInt64(backlog) * 3 }
    /// The next one would not be taken.
    var isFull: Bool { backlog > 0 && queued >= backlog }
}
