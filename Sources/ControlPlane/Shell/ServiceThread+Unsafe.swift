internal import Glibc
internal import Synchronization

/// A thread that runs one body until it is told to stop. The body sleeps in `pause`, which a stop ends at once.
public final class ServiceThread: Sendable {
    /// What the body sees of its thread.
    public struct Context: Sendable {
        /// A stop rings it.
        fileprivate let alarm: Alarm
        fileprivate let flag: Flag

        public var isStopping: Bool { flag.value.load(ordering: .acquiring) }

        /// Sleeps until one of `descriptors` is readable, `nanoseconds` have passed (nil: for ever), somebody nudges, or
        /// the thread is to stop.
        public func pause(_ descriptors: [Int32], nanoseconds: UInt64?) {
            var entries = (descriptors + [alarm.descriptor]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            // Rounded up to poll's milliseconds: to wake early would mean to sleep again for nothing.
            let milliseconds = nanoseconds.map { Int32(clamping: $0 / 1_000_000 + ($0 % 1_000_000 == 0 ? 0 : 1)) }
            // The kernel reads and writes exactly the array's entries; an interruption is a short sleep.
            unsafe _ = poll(&entries, nfds_t(entries.count), milliseconds ?? -1)
            guard !isStopping, entries[descriptors.count].revents != 0 else { return }
            alarm.clear()
        }
    }

    fileprivate final class Flag: Sendable { let value = Atomic(false) }

    private final class Box: Sendable {
        let body: @Sendable (Context) -> Void
        let context: Context
        init(_ body: @escaping @Sendable (Context) -> Void, _ context: Context) {
            self.body = body
            self.context = context
        }
    }

    private let context: Context
    private let thread: Mutex<pthread_t?>

    /// Starts at once. `name` is for messages.
    public init(name: String, _ body: @escaping @Sendable (Context) -> Void) throws(SystemError) {
        context = Context(alarm: try Alarm(), flag: Flag())
        var started = pthread_t()
        // The box is retained for the thread, which takes it over when it begins.
        let box = unsafe Unmanaged.passRetained(Box(body, context)).toOpaque()
        let code = unsafe pthread_create(
            &started, nil,
            { argument in
                // Made by passRetained above, for this thread alone.
                let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
                box.body(box.context)
                return nil
            }, box)
        thread = Mutex(started)
        guard code == 0 else {
            // No thread will take the box over.
            unsafe Unmanaged<Box>.fromOpaque(box).release()
            thread.withLock { $0 = nil }
            throw SystemError("pthread_create", name, code: code)
        }
    }

    /// Ends the body's sleep, or the next one: there is something for it to look at.
    public func nudge() { context.alarm.ring() }

    /// Ends the body's sleep and waits until it has returned. A second call does nothing. Traps on the thread itself.
    public func stop() {
        thread.withLock { thread in
            guard let running = thread else { return }
            precondition(pthread_equal(running, pthread_self()) == 0)
            context.flag.value.store(true, ordering: .releasing)
            context.alarm.ring()
            // The thread was started in init and is joined once.
            _ = pthread_join(running, nil)
            thread = nil
        }
    }

    deinit { stop() }
}
