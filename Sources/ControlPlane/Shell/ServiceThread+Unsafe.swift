internal import Glibc
internal import Synchronization

/// A thread that runs one body until it is told to stop. The body sleeps in `pause`, which a stop ends at once.
public final class ServiceThread: Sendable {
    /// What the body sees of its thread.
    public struct Context: Sendable {
        /// The reading end of a pipe; a stop writes into it.
        fileprivate let wake: Int32
        fileprivate let flag: Flag

        public var isStopping: Bool { flag.value.load(ordering: .acquiring) }

        /// Sleeps until one of `descriptors` is readable, `nanoseconds` have passed (nil: for ever), somebody nudges, or
        /// the thread is to stop.
        public func pause(_ descriptors: [Int32], nanoseconds: UInt64?) {
            var entries = (descriptors + [wake]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            // Rounded up to poll's milliseconds: to wake early would mean to sleep again for nothing.
            let milliseconds = nanoseconds.map { Int32(clamping: $0 / 1_000_000 + ($0 % 1_000_000 == 0 ? 0 : 1)) }
            // The kernel reads and writes exactly the array's entries; an interruption is a short sleep.
            unsafe _ = poll(&entries, nfds_t(entries.count), milliseconds ?? -1)
            guard !isStopping, entries[descriptors.count].revents != 0 else { return }
            // Nudges are all alike: one sleep ends for any number of them.
            var nudges = [UInt8](repeating: 0, count: 64)
            // At most the array's length.
            unsafe _ = read(wake, &nudges, nudges.count)
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
    /// The pipe's writing end.
    private let alarm: Int32
    private let thread: Mutex<pthread_t?>

    /// Starts at once. `name` is for messages.
    public init(name: String, _ body: @escaping @Sendable (Context) -> Void) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // The kernel writes two descriptors into the array of two.
        guard unsafe pipe(&ends) == 0 else { throw SystemError.last("pipe", name) }
        // Neither end ever waits: a nudge into a full pipe is one too many.
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        alarm = ends[1]
        context = Context(wake: ends[0], flag: Flag())
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
            close(context.wake)
            close(alarm)
            throw SystemError("pthread_create", name, code: code)
        }
    }

    /// Ends the body's sleep, or the next one: there is something for it to look at.
    public func nudge() {
        thread.withLock { thread in
            guard thread != nil else { return }
            // One byte of an array of one; a full pipe already holds a nudge.
            unsafe _ = write(alarm, [1], 1)
        }
    }

    /// Ends the body's sleep and waits until it has returned. A second call does nothing. Traps on the thread itself.
    public func stop() {
        thread.withLock { thread in
            guard let running = thread else { return }
            precondition(pthread_equal(running, pthread_self()) == 0)
            context.flag.value.store(true, ordering: .releasing)
            // One byte of an array of one.
            unsafe _ = write(alarm, [1], 1)
            // The thread was started in init and is joined once.
            _ = pthread_join(running, nil)
            close(context.wake)
            close(alarm)
            thread = nil
        }
    }

    deinit { stop() }
}
