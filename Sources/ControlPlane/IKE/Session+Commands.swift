public import Associations

/// What the shell may ask of an established session. Before that, and after its end, nothing is done.
extension Session {
    /// Asks whether the peer is there (dead peer detection, RFC 7296 §2.4): an answer, or `failed(.silence)`. Nothing when
    /// a request is under way, which asks the same, and before the session is established.
    public mutating func probe(at now: UInt64) -> [Action] {
        guard case .established(var established) = state, !established.current.isBusy else { return [] }
        let actions = ask(&established, .probe, probing(established), .informational, at: now)
        state = .established(established)
        return actions
    }

    /// Ends the session: an IKE SA by a DELETE, after the request under way if there is one; anything less at once.
    public mutating func close(at now: UInt64) -> [Action] {
        switch state {
        case .closed: return []
        case .established(var established):
            guard established.closing == .no else { return [] }
            established.closing = .wished
            let actions = established.current.isBusy ? [] : askToClose(&established, at: now)
            state = .established(established)
            return actions
        case .idle, .initSent, .intermediateSent, .initAnswered, .authSent, .judging:
            return end(.closed)
        }
    }

    /// Rekeys the IKE SA (RFC 7296 §1.3.2).
    public mutating func rekey(at now: UInt64, using random: inout some IKERandomness) -> [Action] {
        want(.rekeyIKE, at: now, using: &random)
    }

    /// Rekeys a Child SA (RFC 7296 §1.3.3); nothing for one that is not there or already has a replacement.
    public mutating func rekeyChild(
        _ child: ChildSPIs, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(let established) = state,
            let known = established.child(inbound: child.inbound), known.replacement == nil
        else { return [] }
        return want(.rekeyChild(child.inbound), at: now, using: &random)
    }

    /// Deletes a Child SA, or the one that takes its place (RFC 7296 §1.4.1).
    public mutating func deleteChild(
        _ child: ChildSPIs, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(let established) = state,
            let known = established.child(inbound: child.inbound), !established.isClosing(child.inbound)
        else { return [] }
        return want(.deleteChild(known.replacement ?? child.inbound), at: now, using: &random)
    }

    /// One more Child SA (RFC 7296 §1.3.1), with these selectors or with the policy's. `refused(.childCount)` when the
    /// policy allows no more. `resource` is for several with the same selectors, each for a processor or the like of ours:
    /// any bytes, for people at the other end, or none (RFC 9611). A peer that has enough of them answers TS_MAX_QUEUE.
    public mutating func addChild(
        _ selectors: TrafficSelectors? = nil, resource: [UInt8]? = nil, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(let established) = state else { return [] }
        guard established.childCount < policy.maximumChildren else { return [.refused(.childCount)] }
        return want(
            .createChild(ChildWish(selectors: selectors ?? policy.selectors, resource: resource)), at: now,
            using: &random)
    }

    /// The peer sends through this Child SA, as a packet that it sealed has shown: if it replaces another, so may we
    /// (RFC 7296 §2.8).
    public mutating func peerUses(_ child: ChildSPIs) -> [Action] {
        guard case .established(var established) = state,
            let index = established.children.firstIndex(where: { $0.spis == child && !$0.isUsed })
        else { return [] }
        established.children[index].isUsed = true
        state = .established(established)
        return [.use(child)]
    }

    private mutating func want(
        _ task: SessionTask.Kind, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(var established) = state, established.closing == .no else { return [] }
        established.enqueue(SessionTask(task))
        state = .established(established)
        return proceed(at: now, using: &random)
    }
}
