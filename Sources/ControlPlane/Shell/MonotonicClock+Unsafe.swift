internal import Glibc

/// CLOCK_MONOTONIC in nanoseconds: the clock of leases. It stands still while the machine is suspended.
public struct MonotonicClock: Sendable {
    public init() {}

    public var now: UInt64 {
        var time = timespec()
        // The kernel fills in the structure it is given; the clock exists on every Linux.
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
