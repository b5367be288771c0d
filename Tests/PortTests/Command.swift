import Foundation

struct CommandFailed: Error, CustomStringConvertible {
    let description: String
}

/// Runs a program found by PATH and returns its standard output; throws with its standard error when it fails.
///
/// Foundation's Process is not used: its sockets are inherited by whatever else is started meanwhile (an exit test's
/// process, say), and it then waits for the wrong end.
@discardableResult
func run(_ arguments: String...) throws -> String {
    // Between a pipe and its flag, none of our own commands may be started.
    starting.lock()
    var isStarting = true
    defer { if isStarting { starting.unlock() } }
    let output = try ClosingPipe()
    let errors = try ClosingPipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
    starting.unlock()
    isStarting = false
    guard failure == 0 else { throw CommandFailed(description: "\(arguments[0]): errno \(failure)") }
    // What these commands say fits a pipe, so one can be read after the other.
    let text = output.readToEnd()
    let complaint = errors.readToEnd()
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else {
        throw CommandFailed(description: "\(arguments.joined(separator: " ")): \(complaint)")
    }
    return text
}

private let starting = NSLock()

/// A pipe that no other process inherits.
private final class ClosingPipe {
    private let reading: Int32
    private(set) var writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandFailed(description: "pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        if writing >= 0 { close(writing) }
    }

    /// Closes our own end for writing and reads until all the others are closed.
    func readToEnd() -> String {
        close(writing)
        writing = -1
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(reading, &buffer, buffer.count)
            if count > 0 { bytes += buffer[..<count] } else if count == 0 || errno != EINTR { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
