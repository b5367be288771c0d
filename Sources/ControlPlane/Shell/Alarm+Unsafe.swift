internal import Glibc

/// Ends another thread's sleep: a pipe whose reading end becomes readable.
public final class Alarm: Sendable {
    /// For `poll`.
    public let descriptor: Int32
    private let writing: Int32

    public init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // The kernel writes two descriptors into the array of two.
        guard unsafe pipe(&ends) == 0 else { throw SystemError.last("pipe", "alarm") }
        // Neither end ever waits: a ring into a full pipe is one too many.
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (descriptor, writing) = (ends[0], ends[1])
    }

    /// Ends the sleep, or the next one.
    public func ring() {
        // One byte of an array of one.
        unsafe _ = write(writing, [1], 1)
    }

    /// Rings are all alike: one sleep ends for any number of them.
    public func clear() {
        var rings = [UInt8](repeating: 0, count: 64)
        // At most the array's length.
        unsafe _ = read(descriptor, &rings, rings.count)
    }

    deinit {
        close(descriptor)
        close(writing)
    }
}
