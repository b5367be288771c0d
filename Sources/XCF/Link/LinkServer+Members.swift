internal import ControlPlane
internal import GRPCCore
internal import NIOCore
internal import NIOHTTP2
internal import NIOSSL
internal import Synchronization

/// A member's connection, from its hello on.
struct JoinedMember: Sendable {
    let member: String
    let outbox: Outbox<XCFFromRouter>
    let accepted: AcceptedConnection?
}

extension LinkServer {
    /// On the event loop of a connection that was just accepted.
    func accept(_ channel: any Channel) throws {
        let connection = AcceptedConnection(channel: channel)
        let isAccepted = state.withLock { state in
            guard !state.isStopped, state.accepted.count < LinkBounds.connections else { return false }
            state.accepted[connection.remote] = connection
            return true
        }
        guard isAccepted else {
            if connection.refuse() { refused(.tooManyConnections, who: connection.remote) }
            throw LinkFault.tooManyConnections
        }
        func watch() -> ConnectionWatch {
            ConnectionWatch(connection) { [weak self] fault, detail in
                guard connection.refuse(), let fault else { return }
                self?.refused(fault, who: connection.remote, detail: detail)
            }
        }
        let pipeline = channel.pipeline.syncOperations
        // TLS's faults are heard behind TLS, HTTP/2's behind HTTP/2: what stands further back does not pass them on.
        try pipeline.addHandler(watch(), position: .after(pipeline.handler(type: NIOSSLServerHandler.self)))
        if let http2 = try? pipeline.handler(type: NIOHTTP2Handler.self) {
            try pipeline.addHandler(watch(), position: .after(http2))
        }
        let silence = channel.eventLoop.scheduleTask(in: .seconds(LinkBounds.silence)) { [weak self] in
            guard !connection.hasJoined else { return }
            if connection.refuse() { self?.refused(.silent, who: connection.remote) }
            channel.abort()
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            silence.cancel()
            self?.state.withLock { state in
                // Another connection from the same port may stand there by now.
                if state.accepted[connection.remote] === connection { state.accepted[connection.remote] = nil }
            }
        }
    }

    func refused(_ fault: LinkFault, who: String, detail: String = "") {
        let isFirst = state.withLock { state in
            state.report.faults[fault, default: 0] += 1
            state.untoldRefusals += 1
            guard state.untoldRefusals <= LinkBounds.refusalsToTell else { return false }
            let told = RefusedConnection(fault: fault, who: who, detail: String(detail.prefix(200)))
            return inbox.put(.refused(told)).isFirst
        }
        if isFirst { inbox.nudge() }
    }

    /// A newer connection of the same member takes the place of the one before, which may be dead without knowing it.
    func join(
        _ hello: MemberMessage.Hello, _ outbox: Outbox<XCFFromRouter>, _ accepted: AcceptedConnection?
    ) throws(LinkFault) -> LinkConnection {
        let member = hello.member
        let (connection, old, isFirst) = try state.withLock { state throws(LinkFault) in
            // Who takes the events has fallen far behind: members come back.
            guard !state.isStopped, inbox.count < LinkBounds.connections * LinkBounds.incomingMessages else {
                throw .tooManyConnections
            }
            let connection = LinkConnection(rawValue: state.nextConnection)
            state.nextConnection += 1
            var old: JoinedMember?
            var isFirst = false
            if let replaced = state.newest[member] {
                old = state.joined.removeValue(forKey: replaced)
                state.report.replaced += 1
                isFirst = inbox.put(.left(member: member, replaced, .replaced)).isFirst
            }
            state.joined[connection] = JoinedMember(member: member, outbox: outbox, accepted: accepted)
            state.newest[member] = connection
            state.report.joined += 1
            if inbox.put(.joined(member: member, connection)).isFirst { isFirst = true }
            return (connection, old, isFirst)
        }
        accepted?.join()
        old?.outbox.finish(dropping: true)
        old?.accepted?.channel.abort()
        if isFirst { inbox.nudge() }
        return connection
    }

    /// Hands a message on. Waits while its connection has no room.
    func hand(_ message: MemberMessage, of connection: LinkConnection) async {
        let outcome = state.withLock { state -> Inbox<Event>.Outcome? in
            // After its `left` nothing comes.
            guard let joined = state.joined[connection] else { return nil }
            state.report.messagesIn += 1
            return inbox.put(.message(member: joined.member, connection, message), of: connection)
        }
        guard let outcome else { return }
        if outcome.isFirst { inbox.nudge() }
        if outcome.isFull { await inbox.room(for: connection) }
    }

    func passOver() { state.withLock { $0.report.passedOver += 1 } }

    func leave(_ connection: LinkConnection, _ end: LinkEnd) {
        let left = state.withLock { state -> (JoinedMember, Bool)? in
            guard let joined = state.joined.removeValue(forKey: connection) else { return nil }
            if state.newest[joined.member] == connection { state.newest[joined.member] = nil }
            if case .fault(let fault, _) = end { state.report.faults[fault, default: 0] += 1 }
            return (joined, inbox.put(.left(member: joined.member, connection, end)).isFirst)
        }
        guard let (joined, isFirst) = left else { return }
        joined.outbox.finish(dropping: end != .closed)
        // Who does not read must not keep us.
        joined.accepted?.channel.abort(afterSeconds: LinkBounds.closing)
        if isFirst { inbox.nudge() }
    }
}
