internal import Glibc

extension pollfd {
    /// Sleeps until the event occurs, `milliseconds` have passed, or a signal comes.
    mutating func wait(milliseconds: Int32) {
        // One element, used during the call only.
        unsafe _ = poll(&self, 1, milliseconds)
    }
}
