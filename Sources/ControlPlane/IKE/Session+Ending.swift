extension Session {
    /// The session is over: its Child SAs and the SPIs that it claimed go with it.
    mutating func end(_ last: Action, answer: StoredAnswer? = nil) -> [Action] {
        let actions = remains
        state = .closed(Closed(answer: answer))
        return actions + [last]
    }

    private var remains: [Action] {
        switch state {
        case .idle, .closed: []
        case .initSent(let sent): [.release(sent.spi)]
        case .intermediateSent(let sent): [.release(sent.agreed.channel.ownSPI)]
        case .initAnswered(let answered): [.release(answered.agreed.channel.ownSPI)]
        case .authSent(let sent): [.release(sent.agreed.channel.ownSPI)]
        case .judging(let judging): [.release(judging.agreed.channel.ownSPI)]
        case .established(let established):
            established.children.map { .delete($0.spis) } + established.claimed.map { .release($0) }
        }
    }
}
