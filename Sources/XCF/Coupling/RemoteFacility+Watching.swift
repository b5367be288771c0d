public import ControlPlane
internal import GRPCCore
internal import SwiftProtobuf

extension RemoteFacility {
    public func watch(_ prefix: String, after revision: Int64) -> CouplingWatch {
        let (watch, feed) = CouplingWatch.made()
        let task = Task { [weak self] in
            var reading = Reading(complete: revision)
            while let self, !isClosed, !Task.isCancelled {
                if await stream(prefix, &reading, feed) { return }
                try? await ContinuousClock().sleep(for: Self.pause)
            }
            feed.finish(.closed)
        }
        feed.whenOver { task.cancel() }
        return watch
    }

    /// Where a watch has got to, over all its streams. A transaction's notices come one by one, so a stream may break
    /// between them: what was told of the last one is remembered, and not told again.
    struct Reading {
        /// All up to here was told.
        private(set) var complete: Int64
        private var present: (revision: Int64, keys: Set<String>)

        init(complete: Int64) {
            self.complete = complete
            present = (complete, [])
        }

        /// Whether it was not told before.
        mutating func isNew(_ notice: CouplingNotice) -> Bool {
            guard notice.revision > complete, notice.revision >= present.revision else { return false }
            if notice.revision > present.revision {
                complete = present.revision
                present = (notice.revision, [])
            }
            return present.keys.insert(notice.key).inserted
        }
    }

    /// True when the feed has got its end; false when the stream broke.
    private func stream(_ prefix: String, _ reading: inout Reading, _ feed: CouplingWatch.Feed) async -> Bool {
        let (place, start) = (place, reading)
        let result = await attempt(within: nil) { client, options in
            try await XCFCoupling.Client(wrapping: client).watch(
                .with {
                    $0.prefix = prefix
                    $0.revision = start.complete
                }, options: options
            ) { response in
                var reading = start
                var hasTold = false
                do {
                    for try await answer in response.messages {
                        switch answer.says {
                        case .notice(let message):
                            let notice = CouplingNotice(message)
                            hasTold = true
                            guard !reading.isNew(notice) || feed.offer(notice) else { return (reading, true) }
                        case .failure(let failure):
                            let failure = failure.failure(at: place)
                            // What passes is waited for.
                            if case .unreachable = failure { return (reading, false) }
                            feed.finish(failure)
                            return (reading, true)
                        default: return (reading, false)
                        }
                    }
                } catch {
                    // What was told is told, however it ended.
                    guard hasTold else { throw error }
                }
                return (reading, false)
            }
        }
        switch result {
        case .success(let (reached, isOver)):
            reading = reached
            return isOver
        case .failure(let fault):
            if fault.isPassing { return false }
            feed.finish(fault.failure)
            return true
        }
    }
}
