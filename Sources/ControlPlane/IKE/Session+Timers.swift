extension Session {
    /// Does what is due; nothing before `deadline`.
    public mutating func tick(at now: UInt64, using random: inout some IKERandomness) -> [Action] {
        switch state {
        case .idle, .closed: return []
        case .initSent(var sent):
            let actions = again(&sent.request, at: now)
            if !isClosed { state = .initSent(sent) }
            return actions
        case .intermediateSent(var sent):
            let actions = again(&sent.request, at: now)
            if !isClosed { state = .intermediateSent(sent) }
            return actions
        case .initAnswered(let answered):
            guard now >= answered.deadline else { return [] }
            return end(.failed(.halfOpen))
        case .authSent(var sent):
            let actions = again(&sent.request, at: now)
            if !isClosed { state = .authSent(sent) }
            return actions
        case .judging(let judging):
            guard now >= judging.deadline else { return [] }
            return end(.failed(.noVerdict(judging.peer)))
        case .established(let established):
            let actions = tick(established, at: now) + expire(at: now, using: &random)
            return actions + proceed(at: now, using: &random)
        }
    }

    private mutating func again(_ request: inout Retransmission, at now: UInt64) -> [Action] {
        switch request.tick(policy.timing, at: now) {
        case .notYet: return []
        case .again: return [.count(.requestRepeated)] + request.sends
        case .gone: return end(.failed(.silence(request.exchange)))
        }
    }

    private mutating func tick(_ before: Established, at now: UInt64) -> [Action] {
        var established = before
        var actions: [Action] = []
        for spi in before.associations.map(\.ownSPI) {
            guard let index = established.index(of: spi) else { continue }
            let isCurrent = established.associations[index].phase == .current
            switch established.associations[index].tick(policy.timing, at: now) {
            case .notYet: break
            case .again:
                actions.append(.count(.requestRepeated))
                actions += established.associations[index].request?.sends ?? []
            case .gone where isCurrent:
                let exchange = established.associations[index].request?.exchange ?? .informational
                let isClosing = established.closing != .no
                state = .established(established)
                return actions + end(isClosing ? .closed : .failed(.silence(exchange)))
            case .gone:
                // The current one will find out whether the peer is there.
                actions += established.drop(index)
                continue
            }
            if established.associations[index].isOver(at: now) { actions += established.drop(index) }
        }
        if let awaited = established.awaited, now >= awaited.deadline { established.awaited = nil }
        state = .established(established)
        return actions
    }
}
