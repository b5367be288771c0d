internal import Synchronization

/// A member in the router's own process, beside those of a link: its messages go from queue to queue, without a
/// transport. It joins when somebody makes its end; when either end closes the connection another one begins at once.
public final class LocalLink: Sendable {
    private struct State: Sendable {
        var connection: LinkConnection?
        var began: UInt64 = 0
        var toRouter: [RouterLinkEvent] = []
        var toMember: [MemberLinkEvent] = []
        var wakeRouter: (@Sendable () -> Void)?
        var wakeMember: (@Sendable () -> Void)?
        var isOver = false
    }

    private let member: String
    private let state = Mutex(State())
    /// Messages each way that may wait.
    private static let capacity = 65_536
    /// Set in the numbers of its connections, and in no other link's.
    private static let mark: UInt64 = 1 << 63

    /// - Parameter member: as the router knows it.
    public init(member: String) { self.member = member }

    /// The router's end, which has the other link's members, too.
    public func router(
        beside link: any RouterLink, nudge: @escaping @Sendable () -> Void
    ) -> any RouterLink {
        state.withLock { $0.wakeRouter = nudge }
        return RouterEnd(local: self, link: link)
    }

    /// The member's end; it is connected from now on.
    public func join(nudge: @escaping @Sendable () -> Void) -> any MemberLink {
        state.withLock { $0.wakeMember = nudge }
        connect()
        return MemberEnd(local: self)
    }

    private func connect() {
        state.withLock { state in
            guard !state.isOver else { return }
            state.began += 1
            let connection = LinkConnection(rawValue: Self.mark | state.began)
            state.connection = connection
            state.toRouter.append(.joined(member: member, connection))
            state.toMember.append(.connected)
        }
        wake()
    }

    private func disconnect(_ connection: LinkConnection? = nil, why: String) {
        let wasThere = state.withLock { state in
            guard let former = state.connection, connection == nil || connection == former else { return false }
            state.connection = nil
            state.toRouter.append(.left(former, why: why))
            // What the router has sent before still arrives; what is behind the end belongs to the next connection.
            state.toMember.append(.disconnected(why: why))
            return true
        }
        if wasThere { connect() }
    }

    private func wake() {
        let (router, member) = state.withLock { ($0.wakeRouter, $0.wakeMember) }
        router?()
        member?()
    }

    private func end() {
        state.withLock { state in
            state.isOver = true
            state.connection = nil
            (state.wakeRouter, state.wakeMember) = (nil, nil)
        }
    }

    private struct RouterEnd: RouterLink {
        let local: LocalLink
        let link: any RouterLink

        func takeEvents() -> [RouterLinkEvent] {
            let own = local.state.withLock { state in
                defer { state.toRouter = [] }
                return state.toRouter
            }
            return own + link.takeEvents()
        }

        func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool {
            guard connection.rawValue & LocalLink.mark != 0 else { return link.send(message, to: connection) }
            let isTaken = local.state.withLock { state in
                guard state.connection == connection, state.toMember.count < LocalLink.capacity else { return false }
                state.toMember.append(.message(message))
                return true
            }
            if isTaken { local.wake() }
            return isTaken
        }

        func close(_ connection: LinkConnection) {
            guard connection.rawValue & LocalLink.mark != 0 else { return link.close(connection) }
            local.disconnect(connection, why: "closed by the router")
        }

        var counts: [String: UInt64] { link.counts }

        func stop() {
            local.end()
            link.stop()
        }
    }

    private struct MemberEnd: MemberLink {
        let local: LocalLink

        func takeEvents() -> [MemberLinkEvent] {
            local.state.withLock { state in
                defer { state.toMember = [] }
                return state.toMember
            }
        }

        func send(_ message: MemberMessage) -> Bool {
            let isTaken = local.state.withLock { state in
                guard let connection = state.connection, state.toRouter.count < LocalLink.capacity else { return false }
                state.toRouter.append(.message(connection, message))
                return true
            }
            if isTaken { local.wake() }
            return isTaken
        }

        func disconnect() { local.disconnect(why: "closed by the member") }
        var counts: [String: UInt64] { [:] }
        func stop() { local.end() }
    }
}
