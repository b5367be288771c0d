internal import Associations

/// What time and traffic bring about in an established session.
extension Session {
    /// What a Child SA has carried so far, of both directions; it never becomes less. Growth inbound shows that the peer
    /// is there, and that it uses this Child SA.
    public mutating func used(
        _ child: ChildSPIs, _ usage: ChildUsage, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(var established) = state,
            let index = established.children.firstIndex(where: { $0.spis == child })
        else { return [] }
        let former = established.children[index].usage
        let isGrown = usage.inboundPackets > former.inboundPackets
        if usage.outboundPackets > former.outboundPackets || usage.sequenceNumber > former.sequenceNumber {
            putOffKeepAlive(&established, at: now)
        }
        established.children[index].usage = usage
        if isGrown { established.lastHeard = now }
        state = .established(established)
        return (isGrown ? peerUses(child) : []) + expire(at: now, using: &random) + proceed(at: now, using: &random)
    }

    /// What new SAs may live.
    func drawLifetimes(_ established: inout Established, at now: UInt64, using random: inout some IKERandomness) {
        let isInitiator = established.isInitiator
        if established.lastHeard == nil { established.lastHeard = now }
        if established.lifetime == nil {
            established.lifetime = Lifetime(
                policy.lifetimes.ike, isInitiator: isInitiator, at: now, using: &random)
        }
        if isInitiator, let limit = policy.lifetimes.reauthentication, established.reauthentication == nil {
            established.reauthentication = .due(at: now + limit - random.next() % (limit / 10 + 1))
        }
        for index in established.children.indices where established.children[index].lifetime == nil {
            established.children[index].lifetime = ChildLifetime(
                policy.lifetimes, hasESN: established.children[index].hasESN, isInitiator: isInitiator, at: now,
                using: &random)
        }
    }

    /// What is over, or will be soon.
    mutating func expire(at now: UInt64, using random: inout some IKERandomness) -> [Action] {
        guard case .established(var established) = state, established.closing == .no else { return [] }
        var actions: [Action] = []
        for child in established.children {
            actions += expire(child, &established, at: now)
        }
        if case .due(let at) = established.reauthentication, now >= at { actions += reauthenticate(&established) }
        if let rekeyAt = established.lifetime?.rekeyAt, now >= rekeyAt {
            established.lifetime?.rekeyAt = nil
            if established.rekeying == nil { established.enqueue(SessionTask(.rekeyIKE)) }
        }
        if let endAt = established.lifetime?.endAt, now >= endAt {
            established.closing = .wished
            actions.append(.refused(.ikeLifetime))
        }
        if let patience = policy.timing.deadPeerAfter, let last = established.lastHeard, now >= last + patience,
            !established.current.isBusy
        {
            established.enqueue(SessionTask(.probe))
        }
        state = .established(established)
        return actions
    }

    /// Once, and the initiator only. A peer that cannot rekey (RFC 7296 §4) is left no other way either.
    func reauthenticate(_ established: inout Established) -> [Action] {
        guard established.isInitiator, established.reauthentication != .asked else { return [] }
        established.reauthentication = .asked
        return [.reauthenticate]
    }

    private func expire(_ child: Child, _ established: inout Established, at now: UInt64) -> [Action] {
        let spi = child.spis.inbound
        guard let lifetime = child.lifetime else { return [] }
        if lifetime.isHardOver(child.usage, at: now) {
            let isRemade =
                policy.lifetimes.remakesChildren && established.isInitiator && child.replacement == nil
                && !established.isClosing(spi) && established.rekeying(spi) == nil
            if case .deleteChildren(let spis) = established.current.asked, spis.contains(spi) {
            } else {
                established.tasks.insert(SessionTask(.discard(spi)), at: 0)
            }
            _ = established.remove(spi)
            if isRemade { established.enqueue(SessionTask(.createChild(ChildWish(selectors: child.selectors)))) }
            return [.refused(.childLifetime), .delete(child.spis)]
        }
        if lifetime.isSoftOver(child.usage, at: now), let index = established.index(ofChild: spi) {
            established.children[index].lifetime?.isRekeyAsked = true
            if child.replacement == nil, !established.isClosing(spi), established.rekeying(spi) == nil {
                established.enqueue(SessionTask(.rekeyChild(spi)))
            }
        }
        return []
    }
}
