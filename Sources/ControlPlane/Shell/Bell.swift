/// Wakes one task that waits; a ring that nobody waits for is kept for the next who does.
final class Bell: Sendable {
    private let rings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    func ring() { continuation.yield() }

    /// Until it rings, or until the time on the monotonic clock (nanoseconds), or until the task is cancelled. For one task.
    func wait(until deadline: UInt64?) async {
        let alarm = deadline.map { deadline in
            Task {
                let now = MonotonicClock().now
                try? await ContinuousClock().sleep(for: .nanoseconds(deadline > now ? Int64(deadline - now) : 0))
                if !Task.isCancelled { ring() }
            }
        }
        defer { alarm?.cancel() }
        for await _ in rings { return }
    }
}
