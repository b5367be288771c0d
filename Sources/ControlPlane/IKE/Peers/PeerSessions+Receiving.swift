internal import Associations
internal import Wire

extension PeerSessions {
    /// An IKE datagram, without the non-ESP marker; `path` as in `Session.receive`.
    public mutating func receive(
        _ datagram: [UInt8], over path: Path, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard let header = IKEHeader(datagram) else {
            count(.noIKE)
            return []
        }
        if InitExchange.isRequest(header) {
            let initiation = Initiation(remote: path.remote, spi: header.initiatorSPI)
            if let id = initiations[initiation] { return hand(datagram, to: id, path, at: now, using: &random) }
            return begin(datagram, initiation, path, at: now, using: &random)
        }
        // Who began the IKE SA says so in every message: our SPI is the other one.
        let ours = header.flags.contains(.initiator) ? header.responderSPI : header.initiatorSPI
        guard let id = owners[ours.rawValue] else {
            count(.unknownSPI)
            return []
        }
        return hand(datagram, to: id, path, at: now, using: &random)
    }

    private mutating func hand(
        _ datagram: [UInt8], to id: ID, _ path: Path, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        guard entries[id]?.pending == nil else {
            // Its answer is not to be given before the SA is in place everywhere; the peer repeats its request.
            count(.busy)
            return []
        }
        let actions = entries[id]!.session.receive(datagram, over: path, at: now, using: &random)
        return perform(actions, of: id, at: now, using: &random)
    }

    /// A first message: connection, bounds and cookie come before anything that costs.
    private mutating func begin(
        _ datagram: [UInt8], _ initiation: Initiation, _ path: Path, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Effect] {
        let candidates = connections.indices.filter { connections[$0].covers(path) }.prefix(Session.maximumCandidates)
        guard let place = candidates.first else {
            count(.noConnection)
            return log(
                "IKE \(path.remote): no connection of the configuration is for it at \(path.local.address)", at: now)
        }
        switch gate.judge(datagram, from: path.remote, halfOpen: halfOpen.count) {
        case .ignore:
            // What cannot be read is answered once, if at all, and nothing is kept (RFC 7296 §2.5, §2.21.1).
            var nobody = Session(candidates: candidates.map { connections[$0].policy })
            return refuse(nobody.receive(datagram, over: path, at: now, using: &random), path, at: now)
        case .challenge(let bytes):
            count(.cookieAsked)
            return [.send(bytes, path)]
        case .admit: break
        }
        if let refusal = halfOpen.refusal(of: path.remote.address) {
            count(refusal)
            return log("IKE \(path.remote): ignored, \(refusal.words)", at: now)
        }
        guard entries.count < Self.maximumSessions else {
            count(.tooManySessions)
            return log("IKE \(path.remote): ignored, there are \(Self.maximumSessions) IKE SAs", at: now)
        }
        let id = newID()
        var entry = Entry(
            session: Session(candidates: candidates.map { connections[$0].policy }), connection: place, origin: path,
            path: path, isInitiator: false)
        let actions = entry.session.receive(datagram, over: path, at: now, using: &random)
        guard entry.session.hasBegun else {
            // Refused, and nothing is kept of it.
            return refuse(actions, path, at: now)
        }
        entry.initiation = initiation
        initiations[initiation] = id
        entries[id] = entry
        halfOpen.begin(path.remote.address)
        count(.begun)
        return perform(actions, of: id, at: now, using: &random)
    }

    private mutating func refuse(_ actions: [Session.Action], _ path: Path, at now: UInt64) -> [Effect] {
        var effects: [Effect] = []
        for action in actions {
            switch action {
            case .send(let bytes, let path): effects.append(.send(bytes, path))
            case .refused(let refusal):
                counts[refusal.name, default: 0] += 1
                effects += log("IKE \(path.remote): \(refusal)", at: now)
            case .count(let event): counts["\(event)", default: 0] += 1
            default: break
            }
        }
        return effects
    }

    mutating func newID() -> ID {
        defer { nextID += 1 }
        return ID(rawValue: nextID)
    }
}

extension PeerSessions.Event {
    var words: String {
        switch self {
        case .tooManyHalfOpen: "too many peers have begun and not shown who they are"
        case .tooManyHalfOpenOfAddress: "too many IKE SAs were begun from its address and not finished"
        default: "\(self)"
        }
    }
}

extension Session.Refusal {
    /// For a counter: what was refused, without whom and what exactly.
    var name: String { String("\(self)".prefix { $0 != ":" && $0 != " " }) }
}
