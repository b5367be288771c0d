import Glibc

/// Sleeps until one of the descriptors is readable, the time has passed or a signal comes.
func waitForReadable(_ descriptors: [Int32], nanoseconds: UInt64) {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // Rounded up to poll's milliseconds: to wake early would mean to sleep again for nothing.
    let milliseconds = Int32(clamping: (nanoseconds + 999_999) / 1_000_000)
    // The kernel reads and writes exactly the array's entries, during the call.
    unsafe _ = poll(&entries, nfds_t(entries.count), milliseconds)
}
