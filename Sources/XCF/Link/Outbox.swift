internal import Synchronization

/// What waits to be written to one connection, within `LinkBounds`. Any thread puts in; one task takes out and writes.
final class Outbox<Message: Sendable>: Sendable {
    private struct State {
        var waiting: [Message] = []
        /// Of the messages that were not written yet, whether they wait or are being written.
        var count = 0
        var byteCount = 0
        /// Nothing more is put in; what waits is still written.
        var isFinished = false
        var writer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let messageLimit: Int
    private let byteLimit: Int

    init(messageLimit: Int = LinkBounds.outgoingMessages, byteLimit: Int = LinkBounds.outgoingBytes) {
        self.messageLimit = messageLimit
        self.byteLimit = byteLimit
    }

    /// False when there is no room, or it was finished.
    func put(_ message: Message, byteCount: Int) -> Bool {
        let (isPut, writer) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isFinished, state.count < messageLimit, state.byteCount + byteCount <= byteLimit else {
                return (false, nil)
            }
            state.waiting.append(message)
            state.count += 1
            state.byteCount += byteCount
            return (true, state.writer.take())
        }
        writer?.resume()
        return isPut
    }

    /// Everything is written.
    var isEmpty: Bool { state.withLock { $0.count == 0 } }

    /// Ends it once what waits is written; or at once, when that is not wanted any more.
    func finish(dropping: Bool = false) {
        state.withLock { state in
            state.isFinished = true
            if dropping { (state.waiting, state.count, state.byteCount) = ([], 0, 0) }
            return state.writer.take()
        }?.resume()
    }

    /// What waits, in order; nil at the end. Waits while there is nothing.
    func take() async -> [Message]? {
        while true {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.waiting.isEmpty || state.isFinished { return true }
                    state.writer = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
            let (taken, isFinished) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isFinished)
            }
            if !taken.isEmpty { return taken }
            if isFinished { return nil }
        }
    }

    /// Makes room for as many others.
    func written(_ count: Int, byteCount: Int) {
        state.withLock { state in
            state.count -= count
            state.byteCount -= byteCount
        }
    }
}

extension Optional where Wrapped: Sendable {
    fileprivate mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
