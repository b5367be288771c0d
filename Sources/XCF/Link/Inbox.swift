internal import ControlPlane
internal import Synchronization

/// Events on their way to the thread that takes them. A reader that has brought `LinkBounds.incomingMessages` of one
/// connection waits until they are taken, and meanwhile reads nothing: gRPC's flow control then holds the sender back.
final class Inbox<Event: Sendable>: Sendable {
    private struct State {
        var events: [Event] = []
        /// Of each connection, messages that were not taken.
        var untaken: [LinkConnection: Int] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    /// Call it, without any lock held, when `put` says so. It must not block.
    let nudge: @Sendable () -> Void

    init(nudge: @escaping @Sendable () -> Void) { self.nudge = nudge }

    var count: Int { state.withLock { $0.events.count } }

    struct Outcome {
        /// There was nothing to take before: who takes is to be told.
        var isFirst: Bool
        /// The connection has used up its room: wait for `room` before its next message.
        var isFull = false
    }

    /// `connection`: of a message, whose room it takes. Of what is no message there is little.
    func put(_ event: Event, of connection: LinkConnection? = nil) -> Outcome {
        state.withLock { state in
            state.events.append(event)
            var outcome = Outcome(isFirst: state.events.count == 1)
            if let connection {
                state.untaken[connection, default: 0] += 1
                outcome.isFull = state.untaken[connection]! >= LinkBounds.incomingMessages
            }
            return outcome
        }
    }

    /// Returns when the connection's messages were taken.
    func room(for connection: LinkConnection) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.untaken[connection, default: 0] < LinkBounds.incomingMessages { return true }
                state.waiting.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    func takeAll() -> [Event] {
        let (events, waiting) = state.withLock { state in
            defer { state = State() }
            return (state.events, state.waiting)
        }
        for continuation in waiting { continuation.resume() }
        return events
    }

    /// Lets readers go on that wait for room, though nobody takes any more.
    func release() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            state.untaken = [:]
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
