internal import Synchronization

/// What the control plane has to say to one worker: a bounded queue with one reader. Asking whether there is anything is
/// one atomic load, so that the packet path may ask before every batch; the lock is taken only when there is.
public final class PublicationQueue: Sendable {
    /// Publications that may wait; neighbours, SAs and leases of a large cluster together.
    public static let capacity = 65536

    private let waiting = Mutex<[Publication]>([])
    private let hasWaiting = Atomic<Bool>(false)

    public init() {}

    /// False when the queue is full: the reader has stalled, and whoever publishes must say so.
    public func offer(_ publication: Publication) -> Bool {
        let taken = waiting.withLock { queue in
            guard queue.count < Self.capacity else { return false }
            queue.append(publication)
            return true
        }
        if taken { hasWaiting.store(true, ordering: .releasing) }
        return taken
    }

    /// All that wait, in order; empty nearly always, and then for the price of a load.
    @inline(__always)
    public func takeAll() -> [Publication] {
        hasWaiting.load(ordering: .acquiring) ? takeWaiting() : []
    }

    private func takeWaiting() -> [Publication] {
        hasWaiting.store(false, ordering: .relaxed)
        return waiting.withLock { queue in
            defer { queue = [] }
            return queue
        }
    }
}
