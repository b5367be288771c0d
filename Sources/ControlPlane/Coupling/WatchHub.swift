internal import Synchronization

/// Those who watch one store of this process. Whoever keeps the store sees to it that registering and publishing come one
/// behind the other, in the order of the revisions.
package final class WatchHub: Sendable {
    private struct Watcher: Sendable {
        var prefix: String
        var feed: CouplingWatch.Feed
    }

    private struct State: Sendable {
        var next = 0
        var watchers: [Int: Watcher] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func add(_ prefix: String, _ feed: CouplingWatch.Feed) {
        let number = state.withLock { state in
            state.next += 1
            state.watchers[state.next] = Watcher(prefix: prefix, feed: feed)
            return state.next
        }
        // Readers who had gone before are found when there is something to tell them.
        feed.whenOver { [weak self] in self?.remove(number) }
    }

    package func publish(_ notices: [CouplingNotice]) {
        guard !notices.isEmpty else { return }
        // Outside of the lock: a feed that ends here comes back to remove itself.
        for (number, watcher) in state.withLock({ $0.watchers }) {
            let concerned = notices.filter { $0.key.utf8.starts(with: watcher.prefix.utf8) }
            if !concerned.allSatisfy({ watcher.feed.offer($0) }) { remove(number) }
        }
    }

    package func finish(_ failure: CouplingFailure) {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return state.watchers.values.map(\.feed)
        }
        for feed in watchers { feed.finish(failure) }
    }

    private func remove(_ number: Int) {
        state.withLock { _ = $0.watchers.removeValue(forKey: number) }
    }
}
