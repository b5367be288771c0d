internal import Associations
internal import Wire

extension PeerSessions {
    /// What was published before the barrier of this session is in place, at all but the targets named: what waited behind
    /// it is done now.
    public mutating func settled(
        _ id: ID, missing: [HolderID], at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard let pending = entries[id]?.pending else { return [] }
        entries[id]!.pending = nil
        for (spis, child) in entries[id]!.children where !child.isUsed {
            entries[id]!.children[spis]!.missing = missing
        }
        return perform(pending, of: id, at: now, using: &random) + followLater(id, at: now, using: &random)
    }

    /// Does what is due; nothing before `deadline`.
    public mutating func tick(at now: UInt64, using random: inout some IKERandomness) -> [Effect] {
        var effects = bury(at: now)
        while let due = deadlines.pop(until: now) {
            guard let entry = entries[due.owner], entry.dueAt == due.at else { continue }
            entries[due.owner]!.dueAt = nil
            if let forgetAt = entry.forgetAt, forgetAt <= now {
                forget(due.owner)
                continue
            }
            // Behind a barrier time stands still; `settled` schedules it again.
            guard entry.pending == nil else { continue }
            let actions = entries[due.owner]!.session.tick(at: now, using: &random)
            effects += perform(actions, of: due.owner, at: now, using: &random)
        }
        for (place, attempt) in attempts where attempt.dueAt.map({ $0 <= now }) == true {
            let former = attempt.former.flatMap { entries[$0]?.stands == nil ? nil : $0 }
            effects += start(place, replacing: former, at: now, using: &random)
        }
        return effects + upgrade(at: now, using: &random)
    }

    mutating func perform(
        _ actions: [Session.Action], of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        var effects: [Effect] = []
        // A message leaves when the SAs that it speaks of are in place everywhere, or gone: the peer uses a new one as soon
        // as it hears of it, and drops what comes under an old one (RFC 7296 §2.8).
        var isPublished = false
        for (index, action) in actions.enumerated() {
            if isPublished, case .send = action {
                entries[id]!.pending = Array(actions[index...])
                effects.append(.barrier(id))
                return effects
            }
            let done = perform(action, of: id, at: now, using: &random)
            isPublished = isPublished || done.contains(where: \.isPublication)
            effects += done
        }
        schedule(id, at: now)
        return effects + closeFormer(of: id, at: now, using: &random)
    }

    /// What this session replaces ends when this one carries traffic.
    private mutating func closeFormer(
        of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard let former = entries[id]?.former, entries[id]!.children.values.contains(where: \.isUsed) else {
            return []
        }
        entries[id]!.former = nil
        guard entries[former]?.pending == nil, entries[former]?.session.isClosed == false else { return [] }
        return perform(entries[former]!.session.close(at: now), of: former, at: now, using: &random)
    }

    private mutating func perform(
        _ action: Session.Action, of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        switch action {
        case .send(let bytes, let path): return [.send(bytes, path)]
        case .move(let path):
            entries[id]!.path = path
            return []
        case .keepAlive(let path): return [.keepAlive(path)]
        case .relocate(let spis, let path, let encapsulation):
            return relocate(spis, path, encapsulation, of: id)
        case .redirected(let redirected): return follow(redirected, of: id, at: now, using: &random)
        case .claim(let spi):
            owners[spi.rawValue] = id
            entries[id]!.claims.append(spi.rawValue)
            return []
        case .release(let spi):
            // A closed session repeats its last answer to who did not get it, until it is forgotten.
            if entries[id]!.session.isClosed { return [] }
            owners[spi.rawValue] = nil
            entries[id]!.claims.removeAll { $0 == spi.rawValue }
            return []
        case .judge(let certificate): return [.judge(id, certificate)]
        case .initialContact(let peer): return displace(of: peer, by: id, at: now)
        case .established(let peer): return established(id, peer, at: now)
        case .install(let pair, let old): return install(pair, replacing: old, of: id, at: now)
        case .notMade(let resource):
            if let holder = PerTargetChildren.holder(of: resource) { perTarget.refused(holder, in: id, at: now) }
            return []
        case .use(let spis): return use(spis, of: id, at: now, using: &random)
        case .delete(let spis): return delete(spis, of: id, at: now)
        case .reauthenticate: return reauthenticate(id, at: now, using: &random)
        case .refused(let refusal):
            counts[refusal.name, default: 0] += 1
            return log(id, "\(refusal)", at: now)
        case .closed:
            count(.closed)
            return end(id, at: now) + log(id, "closed", at: now)
        case .failed(let failure):
            count(.failed)
            return end(id, at: now) + log(id, "\(failure)", at: now)
        case .count(let event):
            counts["\(event)", default: 0] += 1
            return []
        }
    }

    /// For an operator: the connection, the peer by its name where it has shown one, and where it is.
    func title(_ id: ID) -> String {
        guard let entry = entries[id] else { return "IKE \(id)" }
        let connection = connections[entry.connection].policy.name
        return "IKE \(connection) \(entry.origin.remote)\(entry.peer.map { " (\($0.words))" } ?? "")"
    }

    private mutating func established(_ id: ID, _ peer: IdentificationPayload, at now: UInt64) -> [Effect] {
        entries[id]!.peer = peer
        // An initiator that found a NAT authenticates from another port than it began from.
        if let path = entries[id]!.session.path { entries[id]!.path = path }
        let name = entries[id]!.session.policy.name
        if let place = connections.firstIndex(where: { $0.policy.name == name }) { entries[id]!.connection = place }
        stand(id, for: entries[id]!.connection)
        acquaint(id, with: peer)
        count(.established)
        noLongerHalfOpen(id)
        attempts[entries[id]!.connection]?.succeeded()
        if connections[entries[id]!.connection].perTarget {
            perTarget.established(id, with: peer, as: entries[id]!.session.policy.localID, at: now)
        }
        return log(id, "established", at: now)
    }

    /// A new session beside the old one, which is closed when the new one stands: make before break (RFC 7296 §2.8.3).
    private mutating func reauthenticate(
        _ id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        log(id, "authenticates anew", at: now)
            + start(entries[id]!.connection, replacing: id, at: now, using: &random)
    }

    /// A new session at the gateway that the old one was sent to; the old one closes by itself (RFC 5685 §5). When nothing
    /// comes of it the connection is begun again where the configuration has it.
    private mutating func follow(
        _ redirected: Redirected, of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard case .address = redirected.to else {
            count(.unresolvedGateway)
            return log(id, "it sends us to \(redirected.to), a name, which is not looked up here", at: now)
        }
        return log(id, "it sends us to \(redirected.to)", at: now)
            + start(entries[id]!.connection, after: redirected, at: now, using: &random)
    }

    private mutating func noLongerHalfOpen(_ id: ID) {
        guard entries[id]!.isHalfOpen else { return }
        entries[id]!.isHalfOpen = false
        if !entries[id]!.isInitiator { halfOpen.end(entries[id]!.origin.remote.address) }
    }

    private mutating func install(
        _ pair: ChildSecurityAssociations, replacing old: ChildSPIs?, of id: ID, at now: UInt64
    ) -> [Effect] {
        var pair = pair
        pair.inbound.replayWindow = connections[entries[id]!.connection].ownReplayWindow
        let spis = ChildSPIs(inbound: pair.inbound.spi, outbound: pair.outbound.spi)
        var child = Child(pair, replacing: old, at: now)
        // One that replaces a target's own is its own.
        child.holder =
            pair.resource.flatMap(PerTargetChildren.holder) ?? old.flatMap { entries[id]!.children[$0]?.holder }
        entries[id]!.children[spis] = child
        inboundOwners[spis.inbound] = id
        return [.publish(.install(pair.inbound))]
    }

    /// The peer chose the outbound SPI, and two peers may choose alike. Numbers are handed out by SPI: a second SA of the
    /// same one is refused, so that no number comes twice under the first one's key.
    private mutating func use(
        _ spis: ChildSPIs, of id: ID, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard let child = entries[id]!.children[spis], !child.isUsed else { return [] }
        guard outboundOwners[spis.outbound] == nil, !foreignSPIs.contains(spis.outbound) else {
            count(.outboundSPITaken)
            return log(id, "its SPI \(spis.outbound) is in use by another SA; the Child SA is given up", at: now)
                + perform(
                    entries[id]!.session.deleteChild(spis, at: now, using: &random), of: id, at: now, using: &random)
        }
        entries[id]!.children[spis]!.isUsed = true
        outboundOwners[spis.outbound] = id
        perTarget.used(spis, of: id, for: child.holder, replacing: child.replacing, at: now)
        guard let holder = child.holder else { return [.publish(.install(child.pair.outbound))] }
        return [.publishAlone(.install(child.pair.outbound), holder)]
    }

    /// What holds the outbound half sends to the new addresses; numbers go on. The inbound one is known by its SPI alone.
    private mutating func relocate(
        _ spis: ChildSPIs, _ path: Path, _ encapsulation: UDPEncapsulation?, of id: ID
    ) -> [Effect] {
        guard entries[id]!.children[spis] != nil else { return [] }
        entries[id]!.children[spis]!.pair.relocate(path, encapsulation)
        let outbound = entries[id]!.children[spis]!.pair.outbound
        guard entries[id]!.children[spis]!.isUsed else { return [] }
        return [
            .publish(
                .relocate(
                    Relocation(
                        spi: spis.outbound, source: outbound.source, destination: outbound.destination,
                        udpEncapsulation: outbound.udpEncapsulation)))
        ]
    }

    /// Nothing is sent under it any more. What the peer had sent before it heard of the end may still be on its way, in the
    /// router's queues and the targets': the inbound half goes a moment later.
    private mutating func delete(_ spis: ChildSPIs, of id: ID, at now: UInt64) -> [Effect] {
        guard let child = entries[id]!.children.removeValue(forKey: spis) else { return [] }
        inboundOwners[spis.inbound] = nil
        perTarget.deleted(spis, of: id, at: now)
        retired.append((now + Self.inboundLinger, spis.inbound))
        guard child.isUsed else { return [] }
        outboundOwners[spis.outbound] = nil
        return [.publish(.remove(spis.outbound, .outbound))]
    }

    /// Inbound halves whose time is over.
    private mutating func bury(at now: UInt64) -> [Effect] {
        let count = retired.prefix { $0.at <= now }.count
        defer { retired.removeFirst(count) }
        return retired.prefix(count).map { .publish(.remove($0.spi, .inbound)) }
    }

    /// The IKE SA is over: its Child SAs go with it, and it lingers to repeat its last answer.
    mutating func end(_ id: ID, at now: UInt64) -> [Effect] {
        var effects: [Effect] = []
        noLongerHalfOpen(id)
        perTarget.ended(id)
        for spis in entries[id]!.children.keys { effects += delete(spis, of: id, at: now) }
        let place = entries[id]!.stands
        fall(id)
        if let place { beginAgain(place, replacing: entries[id]!.former, at: now) }
        entries[id]!.forgetAt = now + Self.linger
        return effects
    }

    mutating func forget(_ id: ID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        for spi in entry.claims { owners[spi] = nil }
        if let initiation = entry.initiation { initiations[initiation] = nil }
    }

    /// Notes when the session has to be asked next.
    private mutating func schedule(_ id: ID, at now: UInt64) {
        guard let entry = entries[id] else { return }
        if entry.session.isClosed && entry.forgetAt == nil { entries[id]!.forgetAt = now + Self.linger }
        let next = [entry.session.deadline, entries[id]!.forgetAt].compactMap { $0 }.min()
        guard let next else {
            entries[id]!.dueAt = nil
            return
        }
        // A later deadline takes the place that is there: asked too early, a session does nothing and is noted again. So
        // the queue has about one place a session, however often deadlines move.
        guard next < entry.dueAt ?? .max else { return }
        entries[id]!.dueAt = next
        deadlines.insert(id, at: next)
    }
}
