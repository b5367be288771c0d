// timespec: with Foundation in the program the compiler finds it in this module, too, and nowhere else.
import CoreFoundation
import Glibc
import Synchronization

/// SIGINT and SIGTERM as something to wait for. Made before the first thread, so that all threads inherit the mask and
/// the signals stay pending until somebody asks for them.
final class Termination: Sendable {
    init() {
        var set = Self.signals
        // A set of ours, read during the call only.
        unsafe _ = pthread_sigmask(SIG_BLOCK, &set, nil)
        // A peer that closes a socket must not end the process.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    private static var signals: sigset_t {
        var set = sigset_t()
        // A set of ours, written during the calls only.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGINT)
        unsafe sigaddset(&set, SIGTERM)
        return set
    }

    /// True when the program was asked to end within `milliseconds`.
    func isRequested(within milliseconds: Int) -> Bool {
        var set = Self.signals
        var time = timespec()
        time.tv_sec = milliseconds / 1000
        time.tv_nsec = milliseconds % 1000 * 1_000_000
        // Both are ours, read during the call only; which signal it was does not matter.
        return unsafe sigtimedwait(&set, nil, &time) > 0
    }
}

/// Standard output at once, for whoever waits for a line of it.
func flushOutput() {
    // nil means all of the C library's streams.
    unsafe _ = fflush(nil)
}
