internal import Glibc

/// Why a port, a device or a capture file could not be opened: one sentence for the person who runs the program.
public struct PortFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    /// `what` failed with this errno (either sign).
    init(_ what: String, errno code: Int32) {
        description = "\(what): \(Self.reason(errno: code))"
    }

    /// The C library's words for an errno of either sign, and its number.
    static func reason(errno code: Int32) -> String {
        let number = abs(code)
        // strerror gives a string that lives until the next call; it is copied at once.
        let words = unsafe String(cString: strerror(number))
        return "\(words) (errno \(number))"
    }
}
