import Glibc

/// Sleeps until one of the descriptors is readable, the time has passed or a signal comes.
func waitForReadable(_ descriptors: [Int32], nanoseconds: UInt64) {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    // The kernel reads and writes exactly the array's entries, during the call.
    unsafe _ = ppoll(&entries, nfds_t(entries.count), &time, nil)
}
