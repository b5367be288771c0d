internal import Glibc

/// A system call that failed: what was tried, on what, and what the kernel said.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    public var operation: String
    public var subject: String
    /// errno.
    public var code: Int32

    public init(_ operation: String, _ subject: String, code: Int32) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    /// What the last system call of this thread left in errno.
    static func last(_ operation: String, _ subject: String) -> SystemError {
        SystemError(operation, subject, code: errno)
    }

    /// The kernel's text, "No space left on device".
    public var reason: String { Self.text(code) }
    public var description: String { "\(operation) \(subject): \(reason)" }

    static func text(_ code: Int32) -> String {
        // strerror gives a terminated string that is good until this thread's next call; it is copied at once.
        unsafe String(cString: strerror(code))
    }
}
