import Associations

@testable import ControlPlane

extension Collision {
    private static let ends: [SessionPair.End] = [.initiator, .responder]

    private func established(_ end: SessionPair.End) -> Established? {
        if case .established(let established) = sides[end]!.session.state { established } else { nil }
    }

    /// What must hold at every moment.
    var faults: [String] {
        var found: [String] = []
        for end in Self.ends {
            let side = sides[end]!
            found += side.shell.faults.map { "\(end): \($0)" }
            if side.hasFailed { found.append("\(end) failed") }
            guard let established = established(end) else { continue }
            if established.associations.count > 4 { found.append("\(end): \(established.associations.count) IKE SAs") }
            if established.children.count > 4 { found.append("\(end): \(established.children.count) Child SAs") }
            if established.tasks.count > 4 { found.append("\(end): \(established.tasks.count) tasks") }
            if Set(established.children.map(\.spis)) != side.shell.children {
                found.append("\(end): the shell has other Child SAs than the session")
            }
            if Set(established.claimed) != side.shell.claimed {
                found.append("\(end): the shell has other SPIs than the session")
            }
        }
        return found
    }

    /// What must hold when nothing is left to happen after these commands.
    func finalFaults(_ commands: [Start]) -> [String] {
        var found = faults + ShellModel.disagreements(sides[.initiator]!.shell, sides[.responder]!.shell)
        let asked = Set(commands.map(\.command))
        guard let one = established(.initiator), let other = established(.responder) else {
            if !asked.contains(.close) { found.append("closed by nobody") }
            return found
        }
        if asked.contains(.close) { found.append("not closed") }
        if one.channel.initiatorSPI != other.channel.initiatorSPI
            || one.channel.responderSPI != other.channel.responderSPI
        {
            found.append("another current IKE SA at each end")
        }
        for (end, established) in [(SessionPair.End.initiator, one), (.responder, other)] {
            for association in established.associations {
                switch association.phase {
                case .current, .gone, .left: break
                case .leaving, .rival: found.append("\(end): \(association.phase) at the end")
                }
            }
            if established.awaited != nil { found.append("\(end): waits for IKE_FOLLOWUP_KE at the end") }
            if !established.tasks.isEmpty { found.append("\(end): \(established.tasks.count) tasks at the end") }
            if established.children.contains(where: { $0.replacement != nil }) {
                found.append("\(end): a replaced Child SA at the end")
            }
        }
        if asked.contains(.rekeyIKE), one.channel.initiatorSPI == firstSPI { found.append("the IKE SA is the first") }
        return found + childFaults(commands, one)
    }

    private func childFaults(_ commands: [Start], _ established: Established) -> [String] {
        let asked = Set(commands.map(\.command))
        let isFirstThere = established.children.contains { $0.spis == firstChild[.initiator]! }
        var found: [String] = []
        if isFirstThere && (asked.contains(.rekeyChild) || asked.contains(.deleteChild)) {
            found.append("the first Child SA is still there")
        }
        let added = commands.count { $0.command == .addChild }
        var counts: Set<Int> = [added + 1]
        if asked.contains(.deleteChild) {
            counts = [added]
            // The one that took its place, if it was there before the command to delete the first came.
            if asked.contains(.rekeyChild) { counts.insert(added + 1) }
        }
        if !counts.contains(established.children.count) { found.append("\(established.children.count) Child SAs") }
        return found
    }

    /// Lets the ends forget what they only keep for a peer that asks again.
    func forgotten() -> [String] {
        var found: [String] = []
        for end in Self.ends {
            var side = sides[end]!
            for _ in 0..<10 {
                guard let deadline = side.session.deadline else { break }
                side.shell.carry(side.session.tick(at: deadline, using: &side.random))
            }
            if side.session.deadline != nil { found.append("\(end) is never at rest") }
            if side.session.isEstablished, side.shell.claimed.count != 1 {
                found.append("\(end) keeps \(side.shell.claimed.count) SPIs")
            }
            if side.session.isClosed, !side.shell.claimed.isEmpty || !side.shell.installed.isEmpty {
                found.append("\(end) keeps something of a closed session")
            }
        }
        return found
    }
}
