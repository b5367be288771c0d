public import Associations
public import Wire

/// What the node itself wants of its sessions: to begin, and what operators ask for.
extension PeerSessions {
    /// Begins a connection of ours, at the gateway that another one sent us to if there is one.
    mutating func start(
        _ place: Int, replacing former: ID? = nil, after redirected: Redirected? = nil, at now: UInt64,
        using random: inout some IKERandomness
    ) -> [Effect] {
        let connection = connections[place]
        guard let local = connection.local, var remote = connection.remote?.first else { return [] }
        if case .address(let gateway) = redirected?.to { remote = gateway }
        attempts[place]?.dueAt = nil
        guard entries.count < Self.maximumSessions else {
            count(.tooManySessions)
            beginAgain(place, replacing: former, at: now)
            return []
        }
        let path = Path(
            local: SocketAddress(address: local, port: 500), remote: SocketAddress(address: remote, port: 500))
        // The gateway that we come from may have told the other of us.
        let isFirst = redirected == nil && isFirst(place)
        let id = newID()
        entries[id] = Entry(
            session: Session(connection.policy), connection: place, origin: path, path: path, isInitiator: true)
        entries[id]!.former = former
        stand(id, for: place)
        count(.begun)
        let actions = entries[id]!.session.start(
            path, after: redirected, isInitialContact: isFirst, at: now, using: &random)
        return perform(actions, of: id, at: now, using: &random)
    }

    /// What an operator wants; done as far as it can be.
    public mutating func order(
        _ command: IKECommand, at now: UInt64, using random: inout some IKERandomness
    ) -> [Effect] {
        switch command {
        case .initiate(let name):
            guard let place = connections.firstIndex(where: { $0.policy.name == name }),
                connections[place].canInitiate
            else {
                return log("IKE: no connection \(name) that could be initiated: it needs local and one remote", at: now)
            }
            return start(place, at: now, using: &random)
        case .terminate(let name):
            return each(named: name, at: now, using: &random) { session, _, now, _ in session.close(at: now) }
        case .rekey(let name):
            return each(named: name, at: now, using: &random) { session, _, now, random in
                session.rekey(at: now, using: &random)
            }
        case .rekeyChildren(let name):
            return each(named: name, at: now, using: &random) { session, children, now, random in
                children.flatMap { session.rekeyChild($0, at: now, using: &random) }
            }
        case .addChild(let name):
            return each(named: name, at: now, using: &random) { session, _, now, random in
                session.addChild(at: now, using: &random)
            }
        case .redirect(let name, let gateway):
            return each(named: name, at: now, using: &random) { session, _, now, random in
                session.redirect(to: .address(gateway), at: now, using: &random)
            }
        case .move(let name, let local):
            return each(named: name, at: now, using: &random) { session, _, now, random in
                guard var path = session.path else { return [] }
                path.local.address = local
                return session.moved(to: path, at: now, using: &random)
            }
        case .closeAll:
            var effects: [Effect] = []
            for id in entries.keys.sorted() where entries[id]!.pending == nil {
                // Each says goodbye once; nobody is left to hear the answer.
                let actions = entries[id]!.session.close(at: now)
                effects += perform(actions, of: id, at: now, using: &random)
            }
            return effects
        }
    }

    /// Of the sessions of a connection, or of the one `#n`, those that are established and wait for nothing.
    private mutating func each<Random: IKERandomness>(
        named name: String, at now: UInt64, using random: inout Random,
        _ ask: (inout Session, [ChildSPIs], UInt64, inout Random) -> [Session.Action]
    ) -> [Effect] {
        var effects: [Effect] = []
        let named = entries.keys.sorted().filter { id in
            let entry = entries[id]!
            return (connections[entry.connection].policy.name == name || "\(id)" == name)
                && !entry.session.isClosed && entry.pending == nil
        }
        for id in named {
            let children = Array(entries[id]!.children.keys)
            let actions = ask(&entries[id]!.session, children, now, &random)
            effects += perform(actions, of: id, at: now, using: &random)
        }
        return named.isEmpty ? log("IKE: no IKE SA \(name) that could do it now", at: now) : effects
    }

    /// A new secret for cookies; those under the one before stay good until the next.
    public mutating func renewCookieSecret(_ secret: SecretBytes) {
        gate.previousSecret = gate.secret
        gate.secret = secret
    }
}

/// What an operator can ask for. Names are those of connections, or `#n` for one IKE SA of the status.
public enum IKECommand: Sendable, Hashable {
    case initiate(String)
    case terminate(String)
    case rekey(String)
    case rekeyChildren(String)
    case addChild(String)
    /// Sends the peers to another gateway, those that know REDIRECT (RFC 5685).
    case redirect(String, IPAddress)
    /// Goes on from another address of ours (RFC 4555).
    case move(String, IPAddress)
    /// Before the end of the process.
    case closeAll
}
