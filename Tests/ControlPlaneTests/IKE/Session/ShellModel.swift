import Associations

@testable import ControlPlane

/// What a shell holds for a session when it does what the session's actions say, and what they must never say.
struct ShellModel {
    private(set) var claimed: Set<IKESPI> = []
    private(set) var installed: [SPI: ChildSecurityAssociations] = [:]
    /// The Child SAs that carry our traffic, the last one first.
    private(set) var used: [SPI] = []
    private(set) var isOver = false
    /// What an action said that it must not.
    private(set) var faults: [String] = []

    mutating func carry(_ actions: [Session.Action]) {
        for action in actions {
            if isOver {
                switch action {
                case .send, .count: break
                default: faults.append("\(action) after the end")
                }
            }
            switch action {
            case .claim(let spi): note(claimed.insert(spi).inserted, "\(spi) claimed twice")
            case .release(let spi): note(claimed.remove(spi) != nil, "\(spi) released, which is not claimed")
            case .install(let pair, let replaced):
                note(installed[pair.inbound.spi] == nil, "\(pair.inbound.spi) installed twice")
                if let replaced { note(installed[replaced.inbound] != nil, "\(replaced.inbound) replaced, not there") }
                installed[pair.inbound.spi] = pair
            case .use(let child):
                note(installed[child.inbound]?.spis == child, "\(child.inbound) used, not there")
                used.insert(child.inbound, at: 0)
            case .delete(let child):
                note(installed.removeValue(forKey: child.inbound)?.spis == child, "\(child.inbound) deleted, not there")
                used.removeAll { $0 == child.inbound }
            case .closed, .failed:
                isOver = true
                note(claimed.isEmpty && installed.isEmpty, "over with \(claimed) and \(installed.keys)")
            case .relocate(let child, let path, let encapsulation):
                note(installed[child.inbound]?.spis == child, "\(child.inbound) relocated, not there")
                installed[child.inbound]?.relocate(path, encapsulation)
            case .send, .move, .judge, .initialContact, .established, .refused, .count, .keepAlive, .redirected,
                .reauthenticate, .notMade:
                break
            }
        }
    }

    private mutating func note(_ holds: Bool, _ fault: String) {
        if !holds { faults.append(fault) }
    }

    var children: Set<ChildSPIs> { Set(installed.values.map(\.spis)) }
}

extension ShellModel {
    /// What is wrong between two ends that have come to rest: they hold the same Child SAs, by the same keys, and each
    /// sends where the other receives.
    static func disagreements(_ one: ShellModel, _ other: ShellModel) -> [String] {
        var found = one.faults + other.faults
        if one.isOver != other.isOver { found.append("one end is over, the other goes on") }
        let mirrored = Set(other.children.map { ChildSPIs(inbound: $0.outbound, outbound: $0.inbound) })
        if one.children != mirrored { found.append("Child SAs \(one.children) and \(mirrored)") }
        for pair in one.installed.values {
            guard let there = other.installed[pair.outbound.spi] else { continue }
            if !pair.outbound.key.matches(there.inbound.key) || !pair.inbound.key.matches(there.outbound.key)
                || !pair.outbound.salt.matches(there.inbound.salt)
            {
                found.append("keys of \(pair.inbound.spi)")
            }
            if pair.inbound.selectors != there.outbound.selectors.mirrored {
                found.append("selectors of \(pair.inbound.spi)")
            }
        }
        for end in [one, other] {
            for spi in end.installed.keys where !end.used.contains(spi) { found.append("\(spi) is not used") }
        }
        return found
    }
}
