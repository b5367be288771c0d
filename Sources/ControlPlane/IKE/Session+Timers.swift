extension Session {
    /// Does what is due; nothing before `deadline`.
    public mutating func tick(at now: UInt64, using random: inout some IKERandomness) -> [Action] {
        switch state {
        case .idle, .closed: return []
        case .initSent(var sent):
            let actions = again(&sent.request, [], at: now)
            if !isClosed { state = .initSent(sent) }
            return actions
        case .initAnswered(let answered):
            guard now >= answered.deadline else { return [] }
            state = .closed(Closed(answer: nil))
            return [.failed(.halfOpen)]
        case .authSent(var sent):
            let actions = again(&sent.request, [], at: now)
            if !isClosed { state = .authSent(sent) }
            return actions
        case .judging(let judging):
            guard now >= judging.deadline else { return [] }
            state = .closed(Closed(answer: nil))
            return [.failed(.noVerdict(judging.peer))]
        case .established(var established):
            guard var request = established.request else { return [] }
            let actions = again(&request, established.children, isClosing: established.closing != .no, at: now)
            established.request = request
            if !isClosed { state = .established(established) }
            return actions
        }
    }

    private mutating func again(
        _ request: inout Retransmission, _ children: [ChildSPIs], isClosing: Bool = false, at now: UInt64
    ) -> [Action] {
        switch request.tick(policy.timing, at: now) {
        case .notYet: return []
        case .again: return [.count(.requestRepeated), request.send]
        case .gone:
            state = .closed(Closed(answer: nil))
            return children.map { .delete($0) } + [isClosing ? .closed : .failed(.silence(request.exchange))]
        }
    }
}
