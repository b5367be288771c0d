internal import Synchronization

/// The changes of a facility's entries, for one reader. It ends when nobody reads it any more.
public struct CouplingWatch: AsyncSequence, Sendable {
    public typealias Element = CouplingNotice
    public typealias Failure = CouplingFailure

    private let stream: AsyncStream<Element>
    private let ending: Ending

    fileprivate final class Ending: Sendable {
        let failure = Mutex<CouplingFailure?>(nil)
    }

    /// Where an implementation puts what has changed. Of any thread, but one at a time.
    public struct Feed: Sendable {
        fileprivate let continuation: AsyncStream<Element>.Continuation
        fileprivate let ending: Ending

        /// false when the watch is over: nobody reads, or the reader has fallen behind by more than
        /// `CouplingBounds.watch`, and will be told so.
        @discardableResult
        public func offer(_ notice: CouplingNotice) -> Bool {
            switch continuation.yield(notice) {
            case .enqueued: return true
            case .dropped:
                finish(.compacted(notice.revision))
                return false
            case .terminated: return false
            @unknown default: return false
            }
        }

        /// The reader gets `failure` when it has read all before; the first one counts.
        public func finish(_ failure: CouplingFailure) {
            ending.failure.withLock { if $0 == nil { $0 = failure } }
            continuation.finish()
        }

        /// When the watch is over, whoever ended it.
        public func whenOver(_ body: @escaping @Sendable () -> Void) {
            continuation.onTermination = { _ in body() }
        }
    }

    public static func made() -> (watch: CouplingWatch, feed: Feed) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Element.self, bufferingPolicy: .bufferingOldest(CouplingBounds.watch))
        let ending = Ending()
        return (CouplingWatch(stream: stream, ending: ending), Feed(continuation: continuation, ending: ending))
    }

    public func makeAsyncIterator() -> Iterator { Iterator(base: stream.makeAsyncIterator(), ending: ending) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var base: AsyncStream<Element>.Iterator
        fileprivate let ending: Ending

        public mutating func next() async throws(CouplingFailure) -> Element? {
            if let next = await base.next() { return next }
            if let failure = ending.failure.withLock({ $0 }) { throw failure }
            return nil
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CouplingFailure) -> Element? {
            if let next = await base.next(isolation: actor) { return next }
            if let failure = ending.failure.withLock({ $0 }) { throw failure }
            return nil
        }
    }
}
